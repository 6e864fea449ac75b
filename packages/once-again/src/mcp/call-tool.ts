import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { ErrorListener } from "../core/listener.ts";
import { invalidOptionError } from "../core/options.ts";
import type { Engine, Work, WorkResult } from "../engine/engine.ts";
import { type CallResult, callResultCodec, type StoredCallResult } from "../function/call-result.ts";
import { fingerprintOfCall } from "../function/call-operation.ts";
import { type CallRules, type FunctionCall, runFunction } from "../function/run-function.ts";
import { scopeOf } from "../http/request-identity.ts";
import { keyOfCall } from "./call-key.ts";
import { contextOf, type OnceContext, readContext, type ToolContext } from "./tool-context.ts";
import type { CheckedToolCallRules, ToolCall } from "./tool-call-options.ts";
import { refusalResult, replayed, type ToolResult } from "./tool-results.ts";

/** A tool, and how its calls are distinguished. */
export interface CalledTool {
  readonly name: string;
  /** The argument that holds the key, for harnesses that can't set `_meta`; default none. */
  readonly keyArgument?: string | undefined;
  /** Which parts of the arguments make two calls of one key the same; default all, which must be JSON then. */
  readonly fingerprint?: ((args: never) => unknown) | undefined;
}

/** Carries a tool's call out. */
export type ToolWork<Context, Transaction> = (
  args: never,
  context: Context & OnceContext<Transaction>,
) => ToolResult | Promise<ToolResult>;

/** The engine and the rules of all calls of all tools. */
export interface CallParts<Transaction> {
  readonly rules: CheckedToolCallRules;
  readonly engine: Engine<Transaction>;
  readonly callRules: CallRules<ToolResult>;
  readonly onError: ErrorListener;
  /** Draws when a refused call may be made again, milliseconds. */
  readonly retryAfterMs: () => number;
}

/**
 * Checks a tool's name. It has no colon: it stands in front of the caller in the scope, where two tools must never meet.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function checkToolName(name: unknown): void {
  if (typeof name === "string" && name !== "" && !name.includes(":")) return;
  throw invalidOptionError("name", "the tool's name, without a colon", name);
}

/**
 * Executes one call, unless it was executed before, and returns its result, also where it is refused.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a tool's name with a colon; an error that asks the client for input.
 */
export async function callTool<Context extends ToolContext, Transaction>(
  parts: CallParts<Transaction>,
  tool: CalledTool,
  args: Readonly<Record<string, unknown>>,
  context: Context,
  work: ToolWork<Context, Transaction>,
): Promise<ToolResult> {
  const { rules, engine, callRules, onError } = parts;
  const { name, keyArgument } = tool;
  checkToolName(name);
  const facts = readContext(context);
  const read = keyOfCall(facts, args, { keyHeader: rules.keyHeader, keyArgument });
  if (read.kind === "malformed" || (read.kind === "missing" && rules.keyRequired)) {
    const problem = read.kind === "malformed" ? read.problem : "it is missing";
    return refusalResult({ code: "ONCE_KEY_INVALID", tool: name, problem });
  }
  const reporting = {
    ...parts,
    onError: (error: unknown) =>
      onError(error, { room: "tool", tool: name, key: read.kind === "key" ? read.key : undefined }),
  };
  const call = describeCall(parts, { tool: name, args }, context, work);
  const runAttempt: Work<Transaction, StoredCallResult<ToolResult>> = async (execution) =>
    markRefused(await runFunction(callRules, call, execution));
  try {
    const caller = await scopeOf({ scope: rules.scope, onError: reporting.onError }, facts.caller);
    const scope = `${name}:${caller}`;
    if (read.kind === "missing")
      return resultOf(reporting, name, (await engine.runUnkeyed(scope, runAttempt)).callResult);
    const { key } = read;
    const compared = keyArgument === undefined ? args : without(args, keyArgument);
    const fingerprint = await fingerprintOfCall({ scope: name, fingerprint: covered(tool) }, [compared as never]);
    const outcome = await engine.run({ scope, key, fingerprint, codec: callResultCodec(callRules) }, runAttempt);
    switch (outcome.kind) {
      case "executed":
        return resultOf(reporting, name, outcome.result.callResult);
      case "replayed":
        return replayed(resultOf(reporting, name, outcome.result.callResult));
      case "in-progress":
        return refusalResult({ code: "ONCE_IN_PROGRESS", tool: name, retryAfterMs: parts.retryAfterMs() });
      case "mismatch":
        return refusalResult({ code: "ONCE_KEY_REUSED", tool: name });
      case "outcome-unknown":
        return refusalResult({ code: "ONCE_OUTCOME_UNKNOWN", tool: name });
    }
  } catch (error) {
    return failureResult(reporting, name, error);
  }
}

const covered = ({ fingerprint }: CalledTool): "arguments" | ((args: never) => unknown) => fingerprint ?? "arguments";

function without(args: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const { [name]: _left, ...others } = args;
  return others;
}

/** The work of one call. A result that asks for input is no answer: nothing happened, and the same call comes again. */
function describeCall<Context extends ToolContext, Transaction>(
  { rules }: CallParts<Transaction>,
  call: ToolCall,
  context: Context,
  work: ToolWork<Context, Transaction>,
): FunctionCall<Transaction, ToolResult> {
  const { reconcile, quiesceMs } = rules;
  return {
    run: async (execution) => {
      const result: unknown = await work(call.args as never, contextOf(context, execution));
      if (typeof result !== "object" || result === null) return { content: [] };
      if ((result as ToolResult)["resultType"] === "input_required") execution.noEffect();
      return result as ToolResult;
    },
    reconcile: reconcile && ((execution) => reconcile(execution, call)),
    quiesceMs,
  };
}

/** A result that is an error is the tool's last word: it is stored, and in a transaction what was written is rolled back. */
function markRefused(ended: WorkResult<StoredCallResult<ToolResult>>): WorkResult<StoredCallResult<ToolResult>> {
  const { callResult } = ended.result;
  const isRefused = ended.effect === "done" && callResult.kind === "returned" && callResult.value.isError === true;
  return isRefused ? { ...ended, effect: "refused" } : ended;
}

/** The result of a call that has ended with a known outcome. @throws the handler's request for input from the client. */
function resultOf(
  { rules, onError }: Pick<CallParts<never>, "rules" | "onError">,
  tool: string,
  callResult: CallResult<ToolResult>,
): ToolResult {
  if (callResult.kind === "returned") return callResult.value;
  const { error } = callResult;
  if (asksForUrl(error)) throw error;
  if (!isOurs(error)) onError(error);
  // In a transaction, a result that can't be stored is rolled back; elsewhere it happened.
  const isDone = OnceAgainError.isInstance(error) && isUnshown.has(error.code) && !rules.transactional;
  return refusalResult({ code: isDone ? error.code : "ONCE_NO_EFFECT", tool, problem: textForModel(error) });
}

const isUnshown: ReadonlySet<ErrorCode> = new Set(["ONCE_RESULT_TOO_LARGE", "ONCE_RESULT_UNFIT"]);

/** The result of a call that failed before its handler ran, or with it. @throws what asks the client for input. */
function failureResult(
  { rules, onError, retryAfterMs: drawMs }: Pick<CallParts<never>, "rules" | "onError" | "retryAfterMs">,
  tool: string,
  error: unknown,
): ToolResult {
  const { transactional, isHolding } = rules;
  const retryAfterMs = drawMs();
  if (!isOurs(error)) {
    onError(error);
    if (transactional) return refusalResult({ code: "ONCE_NO_EFFECT", tool });
    return refusalResult({ code: isHolding ? "ONCE_OUTCOME_UNKNOWN" : "ONCE_HANDLER_FAILED", tool, retryAfterMs });
  }
  if (forOperators.has(error.code)) onError(error);
  const code = ofCalls.has(error.code) ? "ONCE_NO_EFFECT" : error.code;
  return refusalResult({ code, tool, problem: textForModel(error), retryAfterMs });
}

/** False for an error of the handler. A model never sees its text, which may name hosts, accounts or secrets. */
function isOurs(error: unknown): error is OnceAgainError {
  return OnceAgainError.isInstance(error) && error.code !== "ONCE_HANDLER_FAILED";
}

/** The text that a model may see of an error: of a `NoEffectError`, which a handler writes for its caller, or our own. */
function textForModel(error: unknown): string | undefined {
  return OnceAgainError.isInstance(error) && isForModels.has(error.code) ? error.message : undefined;
}

const isForModels: ReadonlySet<ErrorCode> = new Set([
  "ONCE_ARGUMENTS_UNFIT",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_KEY_EXPIRED",
  "ONCE_NO_EFFECT",
  "ONCE_OPTION_INVALID",
  "ONCE_QUOTA_EXCEEDED",
  "ONCE_RESULT_TOO_LARGE",
]);

/** Errors that a model can't mend: a scope that no store takes is the server's own mistake, and a person looks at what can't be read. */
const forOperators: ReadonlySet<ErrorCode> = new Set(["ONCE_OPTION_INVALID", "ONCE_RECORD_BROKEN", "ONCE_SEAL_BROKEN"]);

/** Refusals before anything happens, which a repeat gets again. */
const ofCalls: ReadonlySet<ErrorCode> = new Set(["ONCE_OPTION_INVALID", "ONCE_ARGUMENTS_UNFIT"]);

/** The error by which a tool asks the client to open a page first (MCP 2025-11-25, elicitation, URL mode). */
const urlElicitationRequired = -32_042;

export function asksForUrl(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === urlElicitationRequired;
}
