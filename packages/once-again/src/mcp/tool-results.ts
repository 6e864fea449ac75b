import type { ErrorCode } from "../core/error-codes.ts";
import { keyMeta } from "./call-key.ts";

/** The result of a tool: MCP's CallToolResult, as far as it matters here. */
export interface ToolResult {
  readonly content?: readonly unknown[] | undefined;
  readonly isError?: boolean | undefined;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
  readonly [name: string]: unknown;
}

/** In `_meta` of a result: `true` when it is that of an earlier call with the same key. */
export const replayedMeta = "once-again/replayed";

/** In `_meta` of a result that says why a call was not executed: the code, as in docs/errors. */
export const errorMeta = "once-again/error";

/** In `_meta` of such a result: when to make the same call again, milliseconds from now. */
export const retryAfterMeta = "once-again/retry-after-ms";

/** The first result, marked for a repeat. */
export function replayed<Result extends ToolResult>(result: Result): Result {
  const { _meta: given } = result;
  return { ...result, _meta: { ...given, [replayedMeta]: true } };
}

/** The reason why a call has no result of its tool. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly tool: string;
  /** The problem, in a sentence. */
  readonly problem?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/**
 * A refusal as a result: the text is for the model, which must not try another way; `_meta` is for the program that runs
 * it.
 */
export function refusalResult(refusal: Refusal): ToolResult {
  const { code, retryAfterMs } = refusal;
  const isUseful = retryAfterMs !== undefined && isWorthRepeating.has(code);
  const when = isUseful ? { [retryAfterMeta]: retryAfterMs } : undefined;
  return {
    content: [{ type: "text", text: explain(refusal) }],
    isError: true,
    _meta: { [errorMeta]: code, ...when },
  };
}

/** The refusals after which the same call under the same key finds out more. */
const isWorthRepeating: ReadonlySet<ErrorCode> = new Set([
  "ONCE_CLOSED",
  "ONCE_HANDLER_FAILED",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_IN_PROGRESS",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
]);

const forHarness =
  `For the developers of the program that runs this model: send params._meta[${JSON.stringify(keyMeta)}], made by the ` +
  "program, another one for each intention and the same one for each repeat of it.";

/** The text for the model: it says what happened, and what the model must not do. */
function explain({ code, tool, problem, retryAfterMs }: Refusal): string {
  const because = problem === undefined ? "" : ` (${problem})`;
  const when = retryAfterMs === undefined ? "" : `, in ${retryAfterMs} ms`;
  const again = `The same call can be made again, with the same key${when}.`;
  switch (code) {
    case "ONCE_KEY_INVALID":
      return (
        `Nothing happened: "${tool}" was called without a usable idempotency key${because}. Do not make up a key, and ` +
        `do not look for another way to get this done: tell the user that the tool can't be used from here. ${forHarness}`
      );
    case "ONCE_IN_PROGRESS":
      return (
        `"${tool}" is still at work on exactly this call: it has neither failed nor ended. Do not ask for it again with ` +
        `other arguments, and do not do the same with another tool. ${again}`
      );
    case "ONCE_KEY_REUSED":
      return (
        `Nothing happened: "${tool}" was called before under this key, with other arguments, and that call stands. Do not ` +
        "repeat it. If you meant something else this time, ask for it as a new call. " +
        "For developers: another intention needs another key."
      );
    case "ONCE_STORE_UNAVAILABLE":
    case "ONCE_CLOSED":
      return `Nothing happened: "${tool}" can't be used for the moment. Do not do the same with another tool. ${again}`;
    case "ONCE_NO_EFFECT":
      return `Nothing happened: ${problem ?? `"${tool}" failed, and changed nothing.`}`;
    case "ONCE_RESULT_TOO_LARGE":
    case "ONCE_RESULT_UNFIT":
      return (
        `"${tool}" did its work, once, but its result can't be shown${because}. Do not call it again for the same ` +
        "purpose: tell the user that it is done."
      );
    case "ONCE_HANDLER_TIMEOUT":
    case "ONCE_RESULT_UNCONFIRMED":
    case "ONCE_HANDLER_FAILED":
      return (
        `"${tool}" may or may not have done its work${because}. Do not ask for it under another key, with other arguments ` +
        `or with another tool. ${again} That call finds out.`
      );
    default:
      return (
        `"${tool}" may or may not have done its work${because}. Do not call it again for the same purpose: not with the ` +
        "same arguments, not with changed ones, not under another key, and not with another tool. Tell the user that " +
        "a person has to check whether it happened. " +
        "For operators: `once-again keys list --state held` shows such calls, `keys resolve` settles one."
      );
  }
}
