import { OnceAgainError } from "../core/errors.ts";
import { checkResultBytesMax } from "../engine/options.ts";
import { callHeadBytesMax } from "../function/function-options.ts";
import { notify } from "../core/listener.ts";
import { untilAborted } from "../core/until-aborted.ts";
import type { Engine, Outcome } from "../engine/engine.ts";
import type { CheckedEngineOptions } from "../engine/options.ts";
import { type CallResult, callResultCodec, type StoredCallResult } from "../function/call-result.ts";
import { type CallRules, runFunction } from "../function/run-function.ts";
import { exponentialBackoff } from "../retry/index.ts";
import { runRetry } from "../retry/retry.ts";
import { retryPolicy } from "../retry/retry-options.ts";
import { callRecordKey, type JournalEntry } from "./journal.ts";
import type { RunRules } from "./run-options.ts";

/** The second argument of a tool, about its call. */
export interface ToolCallContext {
  /** The idempotency key of the intention: the same in every attempt, and of no other. Pass it on. */
  readonly key: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborts when this process no longer owns the call, or its time is over. Not when the caller leaves. */
  readonly signal: AbortSignal;
  /** Says that nothing happened, whatever the tool returns then: the result is not stored. */
  noEffect(): void;
}

/** Executes a call of a tool, with the input that is stored with its intention. */
export type CallTool = (input: never, context: ToolCallContext) => unknown;

/** The rules and the engines of all calls of a run. */
export interface RunParts {
  readonly rules: RunRules;
  readonly engines: Readonly<Record<"holding" | "rerunning", Engine<undefined>>>;
  readonly options: CheckedEngineOptions;
}

/** Makes the call of an intention, unless it was made before; waits for it as long as its caller does. */
export function makeToolCall(
  parts: RunParts,
  entry: JournalEntry,
  callTool: CallTool,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const made = makeCall(parts, entry, callTool);
  return untilAborted(made, signal, (error) =>
    notify(parts.options.onError, error, { room: "tool", tool: entry.tool }),
  ).finally(() => {
    entry.isWaiting = false;
    if (!signal?.aborted) entry.isReturned = true;
  });
}

async function makeCall(
  { rules, engines, options }: RunParts,
  entry: JournalEntry,
  callTool: CallTool,
): Promise<unknown> {
  const { tool, fingerprint, record, name } = entry;
  const isKeyed = rules.isKeyed(tool);
  const engine = isKeyed ? engines.rerunning : engines.holding;
  const callRules: CallRules<unknown> = {
    codec: undefined,
    refusals: undefined,
    resultBytesMax: checkResultBytesMax("resultBytesMax", undefined, rules.store, callHeadBytesMax),
    transactional: false,
    hadNoEffect: () => false,
    onError: options.onError,
  };
  const operation = { scope: rules.scope, key: callRecordKey(name), fingerprint, codec: callResultCodec(callRules) };
  let hadNoEffect = false;
  const ask = (): Promise<Outcome<StoredCallResult<unknown>>> =>
    engine.run(operation, (attempt) =>
      runFunction(
        callRules,
        {
          run: async (execution) => {
            hadNoEffect = false;
            const noEffect = (): void => {
              hadNoEffect = true;
              execution.noEffect();
            };
            const context = { key: record.key, attempt: execution.attempt, signal: execution.signal, noEffect };
            return callTool(record.input as never, context);
          },
        },
        attempt,
      ),
    );
  const { clock, random } = options;
  const attemptsMax = isKeyed ? rules.attemptsMax : 1;
  const policy = retryPolicy<Outcome<StoredCallResult<unknown>>>({ attemptsMax, backoff, clock, random });
  let outcome: Outcome<StoredCallResult<unknown>>;
  try {
    outcome = await runRetry(ask, policy);
  } catch (error) {
    const cause = OnceAgainError.isInstance(error, "ONCE_ATTEMPTS_EXHAUSTED") ? error.cause : error;
    const isBefore = OnceAgainError.isInstance(cause) && beforeTheCall.has(cause.code);
    entry.state = isBefore && entry.state !== "unknown" ? "planned" : "unknown";
    throw isBefore ? cause : unknownError(tool, cause);
  }
  switch (outcome.kind) {
    case "executed":
    case "replayed":
      return valueOf(entry, outcome.result.callResult, hadNoEffect);
    case "in-progress":
      entry.state = "unknown";
      throw inProgressError(tool);
    case "mismatch":
    case "outcome-unknown":
      entry.state = "unknown";
      throw unknownError(tool, undefined);
  }
}

const backoff = exponentialBackoff({ baseMs: 200, capMs: 5000 });

/** Errors after which nothing has happened. */
const beforeTheCall: ReadonlySet<string> = new Set(["ONCE_STORE_UNAVAILABLE", "ONCE_CLOSED"]);

/** The result of a call that has ended with a known outcome. */
function valueOf(entry: JournalEntry, callResult: CallResult<unknown>, hadNoEffect: boolean): unknown {
  if (callResult.kind === "returned") {
    entry.state = hadNoEffect ? "planned" : "done";
    return callResult.value;
  }
  const { error } = callResult;
  const isDone = OnceAgainError.isInstance(error) && isUnshown.has(error.code);
  entry.state = isDone ? "done" : "planned";
  throw error;
}

const isUnshown: ReadonlySet<string> = new Set(["ONCE_RESULT_TOO_LARGE", "ONCE_RESULT_UNFIT"]);

function inProgressError(tool: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_IN_PROGRESS",
    `"${tool}" is still at work on exactly this call: it has neither failed nor ended. Do not ask for it again with other ` +
      "arguments, and do not do the same with another tool.",
    { details: { tool } },
  );
}

function unknownError(tool: string, cause: unknown): OnceAgainError {
  const because = cause instanceof Error ? ` (${cause.message})` : "";
  return new OnceAgainError(
    "ONCE_OUTCOME_UNKNOWN",
    `"${tool}" may or may not have done its work${because}. Do not call it again for the same purpose: not with the same ` +
      "arguments, not with changed ones, and not with another tool. Tell the user that a person has to check whether it happened.",
    { cause, details: { tool } },
  );
}
