import { OnceAgainError } from "../core/errors.ts";
import { type Listener, notify } from "../core/listener.ts";
import type { Acquired, ClaimAnswer } from "../stores/store.ts";
import { resultBrokenError } from "../core/record-errors.ts";
import type { OnceOperation, Outcome, WorkResult } from "./engine.ts";
import { type EndEvent, notifyEnd, type RequestFacts, type ServerEvent } from "./server-event.ts";
import type { ExpiryPurge } from "./expiry-purge.ts";

/** How a request ended, and the event that reports it. */
export interface RequestEnd<Value = unknown> {
  /** With the result as it is stored. */
  outcome: Outcome;
  /** Whether the outcome is stored: then every duplicate gets it. */
  isStored: boolean;
  /** The one event that reports this end. */
  event: EndEvent;
  /** The work's own result, where this request ran it: it need not be decoded again. */
  value?: Value;
  /** With `handler-failed`: the handler's error. */
  error?: unknown;
}

/** The end of a request that did not run its work. */
export function endWithoutWork(outcome: Outcome): RequestEnd<never> {
  return { outcome, isStored: outcome.kind === "replayed", event: outcome.kind };
}

/** The outcome of a request that was not granted its claim. */
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
 * The end that an operation gives to a duplicate that waited for it. `undefined`: none, so one that waits goes on.
 *
 * @param isSameRequest whether the duplicate has the fingerprint of the one that ended.
 */
export function resultForDuplicate(
  { outcome, isStored }: RequestEnd,
  isSameRequest: boolean,
): RequestEnd<never> | undefined {
  if (isSameRequest) {
    if ("result" in outcome) return isStored ? endWithoutWork({ kind: "replayed", result: outcome.result }) : undefined;
    return outcome.kind === "in-progress" ? undefined : endWithoutWork(outcome);
  }
  // Only what the store keeps, or holds, under the other's fingerprint says that the key is not this one's.
  const isOthers = isStored || outcome.kind === "outcome-unknown";
  return isOthers && outcome.kind !== "mismatch" ? endWithoutWork({ kind: "mismatch" }) : undefined;
}

/** The outcome as its caller knows it. */
export function outcomeFor<Value>(operation: OnceOperation<Value>, result: RequestEnd<Value>): Outcome<Value> {
  const { outcome } = result;
  if (!("result" in outcome)) return outcome;
  const value = "value" in result ? result.value : decodeResult(operation, outcome.result);
  return { kind: outcome.kind, result: value };
}

/**
 * Reads a stored result back, for every room.
 *
 * @throws OnceAgainError `ONCE_RECORD_BROKEN` for what the operation can't have stored.
 */
export function decodeResult<Value>(
  { scope, key, codec }: Pick<OnceOperation<Value>, "scope" | "key" | "codec">,
  bytes: Uint8Array,
): Value {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw resultBrokenError({ scope, key }, cause);
  }
}

/** Ends one request: its event is emitted, and expired records may be removed behind it. @returns the outcome for its caller. */
export function endRequest<Value>(
  operation: OnceOperation<Value>,
  result: RequestEnd<Value>,
  { options, purge }: { options: { onEvent?: Listener<ServerEvent> | undefined }; purge: ExpiryPurge },
  facts: RequestFacts,
): Outcome<Value> {
  const outcome = readOutcome(operation, result, options.onEvent);
  if (options.onEvent !== undefined) notifyEnd(options.onEvent, operation, result, facts);
  if (result.outcome.kind === "executed") {
    purge.operationsLeft -= 1;
    if (purge.operationsLeft <= 0) purge.run();
  }
  return outcome;
}

/** Reads the outcome of a request. A result that can't be read is reported as a failed claim. */
function readOutcome<Value>(
  operation: OnceOperation<Value>,
  result: RequestEnd<Value>,
  onEvent: Listener<ServerEvent> | undefined,
): Outcome<Value> {
  try {
    return outcomeFor(operation, result);
  } catch (error) {
    const { scope, key } = operation;
    notify(onEvent, { type: "store-failed", scope, key, operation: "claim", error });
    throw error;
  }
}

/** The error of work that failed. */
export function workError({ cause }: WorkResult<unknown>): unknown {
  return cause ?? new OnceAgainError("ONCE_HANDLER_FAILED", "The handler answered that it failed.");
}
