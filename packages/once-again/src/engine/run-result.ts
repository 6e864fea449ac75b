import { OnceAgainError } from "../core/errors.ts";
import { type Listener, notify } from "../core/events.ts";
import type { Acquired, ClaimAnswer } from "../stores/store.ts";
import type { OnceOperation, Outcome, WorkResult } from "./engine.ts";
import type { ServerEvent } from "./server-event.ts";

/** What became of one request, and what is said of it. */
export interface RunResult<Value = unknown> {
  /** With the result as the store has it. */
  outcome: Outcome;
  /** Whether the store keeps the outcome, so that it is the answer to every duplicate. */
  isStored: boolean;
  /** The one event that tells of how this request ended. */
  event: Exclude<ServerEvent["type"], "lease-lost" | "store-answered" | "store-failed">;
  /** What the work returned, where this request ran it: it need not be decoded again. */
  value?: Value;
  /** With `handler-failed`, what the handler failed with. */
  error?: unknown;
}

/** What became of a request whose work did not run. */
export function withoutWork(outcome: Outcome): RunResult<never> {
  return { outcome, isStored: outcome.kind === "replayed", event: outcome.kind };
}

/** What a claim that was not granted means for its request. */
export function outcomeOfClaim(answer: Exclude<ClaimAnswer, Acquired>): Outcome {
  switch (answer.kind) {
    case "done":
      return { kind: "replayed", result: answer.result };
    case "abandoned":
      return { kind: "outcome-unknown" };
    default:
      return { kind: answer.kind };
  }
}

/**
 * What the end of an operation tells a duplicate that waited for it. `undefined`: nothing, so one that waits goes on.
 *
 * @param isSameRequest whether the duplicate has the fingerprint of the one that ended.
 */
export function resultForDuplicate(
  { outcome, isStored }: RunResult,
  isSameRequest: boolean,
): RunResult<never> | undefined {
  if (isSameRequest) {
    if ("result" in outcome) return isStored ? withoutWork({ kind: "replayed", result: outcome.result }) : undefined;
    return outcome.kind === "in-progress" ? undefined : withoutWork(outcome);
  }
  // Only what the store keeps, or holds, under the other's fingerprint says that the key is not this one's.
  const isOthers = isStored || outcome.kind === "outcome-unknown";
  return isOthers && outcome.kind !== "mismatch" ? withoutWork({ kind: "mismatch" }) : undefined;
}

/** Tells of the end of one request. */
function notifyEnd(
  onEvent: Listener<ServerEvent> | undefined,
  { scope, key }: Pick<OnceOperation, "scope" | "key">,
  { event, error }: RunResult,
): void {
  if (onEvent === undefined) return;
  notify(onEvent, event === "handler-failed" ? { type: event, scope, key, error } : { type: event, scope, key });
}

/** The outcome as its caller knows it. */
export function outcomeFor<Value>(
  { codec }: Pick<OnceOperation<Value>, "codec">,
  result: RunResult<Value>,
): Outcome<Value> {
  const { outcome } = result;
  if (!("result" in outcome)) return outcome;
  return { kind: outcome.kind, result: "value" in result ? result.value : codec.decode(outcome.result) };
}

/** Ends one request: its event is emitted, and expired records may be removed behind it. @returns the outcome for its caller. */
export function endRequest<Value>(
  operation: OnceOperation<Value>,
  result: RunResult<Value>,
  {
    options,
    purgeNowAndThen,
  }: { options: { onEvent?: Listener<ServerEvent> | undefined }; purgeNowAndThen: () => void },
): Outcome<Value> {
  notifyEnd(options.onEvent, operation, result);
  if (result.outcome.kind === "executed") purgeNowAndThen();
  return outcomeFor(operation, result);
}

/** What work failed with. */
export function workError({ cause }: WorkResult<unknown>): unknown {
  return cause ?? new OnceAgainError("ONCE_HANDLER_FAILED", "The handler answered that it failed.");
}
