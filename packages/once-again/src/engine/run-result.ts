import { type Listener, notify } from "../core/events.ts";
import type { OnceOperation, Outcome } from "./outcome.ts";
import type { ServerEvent } from "./server-event.ts";

/** What became of one request, and what is said of it. */
export interface RunResult {
  outcome: Outcome;
  /** Whether the store keeps the outcome, so that it is the answer to every duplicate. */
  isStored: boolean;
  /** The one event that tells of how this request ended. */
  event: Exclude<ServerEvent["type"], "lease-lost" | "store-answered" | "store-failed">;
  /** With `handler-failed`, what the handler failed with. */
  error?: unknown;
}

/**
 * What the end of an operation tells a duplicate that waited for it. `undefined`: nothing, so one that waits goes on.
 *
 * @param isSameRequest whether the duplicate has the fingerprint of the one that ended.
 */
export function resultForDuplicate({ outcome, isStored }: RunResult, isSameRequest: boolean): RunResult | undefined {
  if (isSameRequest) {
    if ("result" in outcome) return isStored ? withoutWork({ kind: "replayed", result: outcome.result }) : undefined;
    return outcome.kind === "in-progress" ? undefined : withoutWork(outcome);
  }
  // Only what the store keeps, or holds, under the other's fingerprint says that the key is not this one's.
  const isOthers = isStored || outcome.kind === "outcome-unknown";
  return isOthers && outcome.kind !== "mismatch" ? withoutWork({ kind: "mismatch" }) : undefined;
}

/** What became of a request whose work did not run. */
export function withoutWork(outcome: Outcome): RunResult {
  return { outcome, isStored: outcome.kind === "replayed", event: outcome.kind };
}

/** Tells of the end of one request. */
export function notifyEnd(
  onEvent: Listener<ServerEvent> | undefined,
  { scope, key }: Pick<OnceOperation, "scope" | "key">,
  { event, error }: RunResult,
): void {
  notify(onEvent, event === "handler-failed" ? { type: event, scope, key, error } : { type: event, scope, key });
}
