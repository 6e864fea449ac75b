import type { ErrorCode } from "../core/error-codes.ts";
import { errorText } from "../core/error-text.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Engine, Work, WorkResult } from "../engine/engine.ts";
import { type CallEnding, endingCodec, type StoredEnding } from "../function/call-ending.ts";
import { fingerprintOfCall } from "../function/call-operation.ts";
import { type CallRules, reconcilingCall, type RunCall, runFunction } from "../function/run-function.ts";
import { scopeOf } from "../http/scope.ts";
import { keyOfCall } from "./call-key.ts";
import { contextOf, type OnceContext, readContext, type ToolContext } from "./tool-context.ts";
import type { CheckedToolCallRules, ToolCall } from "./tool-call-options.ts";
import { refusalResult, replayed, type ToolResult } from "./tool-results.ts";

/** A tool, as its calls are told apart. */
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

/** What the calls of all tools share. */
export interface CallParts<Transaction> {
  readonly rules: CheckedToolCallRules;
  readonly engine: Engine<Transaction>;
  readonly endings: CallRules<ToolResult>;
  readonly onError: (error: unknown) => void;
}

/** Carries one call out, unless it was before, and says what came of it. */
export async function callTool<Context extends ToolContext, Transaction>(
  parts: CallParts<Transaction>,
  tool: CalledTool,
  args: Readonly<Record<string, unknown>>,
  context: Context,
  work: ToolWork<Context, Transaction>,
): Promise<ToolResult> {
  const { rules, engine, endings, onError } = parts;
  const { name, keyArgument } = tool;
  const facts = readContext(context);
  const read = keyOfCall(facts, args, { keyHeader: rules.keyHeader, keyArgument });
  if (read.kind === "malformed" || (read.kind === "missing" && rules.keyRequired)) {
    const problem = read.kind === "malformed" ? read.problem : "it is missing";
    return refusalResult({ code: "ONCE_KEY_INVALID", tool: name, problem });
  }
  const run = workOf(parts, { tool: name, args }, context, work);
  const runAttempt: Work<Transaction, StoredEnding<ToolResult>> = async (attempt) =>
    markRefused(await runFunction(endings, run, attempt));
  try {
    const caller = await scopeOf({ scope: rules.scope, onError }, facts.caller);
    // No tool has a colon in its name, so two of them never share a scope.
    const scope = `${name}:${caller}`;
    if (read.kind === "missing") return resultOf(parts, name, (await engine.runUnkeyed(scope, runAttempt)).ending);
    const { key } = read;
    const compared = keyArgument === undefined ? args : without(args, keyArgument);
    const fingerprint = await fingerprintOfCall({ scope: name, fingerprint: covered(tool) }, [compared as never]);
    const outcome = await engine.run({ scope, key, fingerprint, codec: endingCodec(endings) }, runAttempt);
    const { retryAfterMs } = rules;
    switch (outcome.kind) {
      case "executed":
        return resultOf(parts, name, outcome.result.ending);
      case "replayed":
        return replayed(resultOf(parts, name, outcome.result.ending));
      case "in-progress":
        return refusalResult({ code: "ONCE_IN_PROGRESS", tool: name, retryAfterMs });
      case "mismatch":
        return refusalResult({ code: "ONCE_KEY_REUSED", tool: name });
      case "outcome-unknown":
        return refusalResult({ code: "ONCE_OUTCOME_UNKNOWN", tool: name });
    }
  } catch (error) {
    return failureResult(parts, name, error);
  }
}

const covered = ({ fingerprint }: CalledTool): "arguments" | ((args: never) => unknown) => fingerprint ?? "arguments";

function without(args: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const { [name]: _left, ...others } = args;
  return others;
}

/** The work of one call. A result that asks for input is no answer: nothing happened, and the same call comes again. */
function workOf<Context extends ToolContext, Transaction>(
  { rules }: CallParts<Transaction>,
  call: ToolCall,
  context: Context,
  work: ToolWork<Context, Transaction>,
): RunCall<Transaction, ToolResult> {
  return reconcilingCall<[ToolCall], Transaction, ToolResult>(rules, [call], async (execution) => {
    const result: unknown = await work(call.args as never, contextOf(context, execution));
    if (typeof result !== "object" || result === null) return { content: [] };
    if ((result as ToolResult)["resultType"] === "input_required") execution.noEffect();
    return result as ToolResult;
  });
}

/** A result that is an error is the tool's last word: it is stored, and in a transaction what was written is rolled back. */
function markRefused(ended: WorkResult<StoredEnding<ToolResult>>): WorkResult<StoredEnding<ToolResult>> {
  const { ending } = ended.result;
  const isRefused = ended.effect === "done" && ending.kind === "returned" && ending.value.isError === true;
  return isRefused ? { ...ended, effect: "refused" } : ended;
}

/** What a call answers that has ended, whose outcome is known. @throws what asks the client for input. */
function resultOf(
  { rules }: Pick<CallParts<never>, "rules">,
  tool: string,
  ending: CallEnding<ToolResult>,
): ToolResult {
  if (ending.kind === "returned") return ending.value;
  const { error } = ending;
  if (asksForUrl(error)) throw error;
  const problem = errorText(error);
  // In a transaction, a result that can't be stored is rolled back; elsewhere it happened.
  const isDone = OnceAgainError.isInstance(error) && isUnshown.has(error.code) && !rules.transactional;
  return refusalResult({ code: isDone ? error.code : "ONCE_NO_EFFECT", tool, problem });
}

const isUnshown: ReadonlySet<ErrorCode> = new Set(["ONCE_RESULT_TOO_LARGE", "ONCE_RESULT_UNFIT"]);

/** What a call answers that failed before its handler ran, or with it. @throws what asks the client for input. */
function failureResult(
  { rules, onError }: Pick<CallParts<never>, "rules" | "onError">,
  tool: string,
  error: unknown,
): ToolResult {
  const { retryAfterMs, transactional, isHolding } = rules;
  const problem = errorText(error);
  if (!OnceAgainError.isInstance(error) || error.code === "ONCE_HANDLER_FAILED") {
    if (transactional) return refusalResult({ code: "ONCE_NO_EFFECT", tool, problem });
    const code = isHolding ? "ONCE_OUTCOME_UNKNOWN" : "ONCE_HANDLER_FAILED";
    return refusalResult({ code, tool, problem, retryAfterMs });
  }
  // A scope that no store takes is the server's own mistake.
  if (error.code === "ONCE_OPTION_INVALID") onError(error);
  const code = ofCalls.has(error.code) ? "ONCE_NO_EFFECT" : error.code;
  return refusalResult({ code, tool, problem, retryAfterMs });
}

/** What is refused before anything happens, and will be again. */
const ofCalls: ReadonlySet<ErrorCode> = new Set(["ONCE_OPTION_INVALID", "ONCE_ARGUMENTS_UNFIT"]);

/** The error by which a tool asks the client to open a page first (MCP 2025-11-25, elicitation, URL mode). */
const urlElicitationRequired = -32_042;

export function asksForUrl(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === urlElicitationRequired;
}
