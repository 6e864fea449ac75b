import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { invalidOptionError } from "../core/options.ts";
import { nameProblem } from "../key/key.ts";
import type { LeasedMode, Mode } from "../engine/options.ts";
import type { Reconciled } from "../engine/engine.ts";
import { callRuleNames, type CallRules, checkCallRules, type FunctionExecution } from "../function/function-options.ts";
import { keyHeaderName } from "../key/index.ts";
import type { ToolCaller } from "./tool-context.ts";
import type { ToolResult } from "./tool-results.ts";

/** A call as the tool's handler gets it. */
export interface ToolCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * Finds out whether a call happened, before it runs again after an attempt that ended without a result. It must have no
 * effect itself, and an error that it throws leaves the outcome unknown.
 */
export type ReconcileToolCall = (execution: FunctionExecution, call: ToolCall) => Promise<Reconciled<ToolResult>>;

/** How the tools of a server keep their promise. */
export interface ToolCallRules extends CallRules {
  /**
   * The owner of the keys, so that no caller gets another's results: a function of the verified access token that returns the
   * id of the user or the account, or, for a server that has one user, such as one on stdio, that user's name. A server
   * that does not distinguish its callers says `"public"`. Never the session's id: a session that dies takes it along.
   */
  readonly scope: string | ((caller: ToolCaller) => string | Promise<string>);
  /** Whether a call without a key is refused; default true. Otherwise it runs as often as it is made. */
  readonly keyRequired?: boolean | undefined;
  /**
   * The header of the HTTP request that is read where `_meta` has no key; default `Idempotency-Key`. `false`: none is.
   */
  readonly keyHeader?: string | false | undefined;
  /**
   * Treatment of a call with an unknown outcome (its handler threw, its process crashed or lost its lease):
   *
   * - `"hold"` (default): never run it again. Every repeat gets an error that says so until a person settles it.
   * - `"rerun"`: run it again. At least once, so only for effects that are idempotent, or keyed further down.
   * - a function that looks the effect up, and says whether it happened: see `ReconcileToolCall`.
   *
   * In transactional mode this never arises: a rollback proves that nothing happened.
   */
  readonly onUnknown?: "hold" | "rerun" | ReconcileToolCall | undefined;
  /**
   * How long a repeat waits for a call that is running before it gets "in progress", milliseconds; default 5000. Clients of the
   * MCP SDK wait for 60,000.
   */
  readonly waitMs?: number | undefined;
}

/** Options of tool calls, in either mode. */
export type ToolCallOptions<Transaction> = ToolCallRules & Mode<Transaction>;

const names: OptionNames<ToolCallRules & LeasedMode> = { ...callRuleNames, keyRequired: "boolean", keyHeader: true };

const advice =
  "the caller that these keys belong to: a function of the verified token, such as " +
  "({ authInfo }) => authInfo.extra.userId, or, where the whole server has one user, as on stdio, a name; " +
  '"public" where all callers share their keys';

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkToolCallRules<Transaction>(options: ToolCallOptions<Transaction>) {
  if (hasMethod(options, "claim")) throw wrongClientError("options", "an object such as { store, scope }", options);
  checkNames("openToolCalls", options, names);
  const { scope, keyHeader = keyHeaderName, onUnknown } = options;
  if (typeof scope !== "function" && nameProblem(scope) !== undefined) throw invalidOptionError("scope", advice, scope);
  if (keyHeader !== false && (typeof keyHeader !== "string" || keyHeader === "")) {
    throw invalidOptionError("keyHeader", "the name of a header, or false", keyHeader);
  }
  return Object.freeze({
    scope: typeof scope === "function" ? scope : () => scope,
    keyRequired: options.keyRequired ?? true,
    keyHeader: keyHeader === false ? undefined : keyHeader.toLowerCase(),
    ...checkCallRules<ReconcileToolCall>(options),
    /** Whether a call with an unknown outcome is never run again. */
    isHolding: onUnknown === undefined || onUnknown === "hold",
  });
}

/** The rules, checked, with every default filled in. */
export type CheckedToolCallRules = ReturnType<typeof checkToolCallRules>;
