import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { keepLease, type Lease } from "../core/lease.ts";
import type { Acquired, ReleaseRequest } from "../stores/store.ts";
import { operationEndedError } from "./ended-error.ts";
import type { WorkResult, Work } from "./execution.ts";
import { type HandlerTimeout, startHandlerTimeout } from "./handler-timeout.ts";
import { withoutWork, type RunResult } from "./run-result.ts";
import {
  type AttemptPolicy,
  mustStop,
  outcomeOfLoser,
  outcomeOfOwner,
  type Settlement,
  settlementOf,
  settlementOfUnknown,
} from "./leased-decisions.ts";
import type { CheckedEngineOptions } from "./options.ts";
import type { OnceOperation, Outcome } from "./outcome.ts";
import { recordedSteps } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";
import { storedSteps } from "./stored-steps.ts";

/** What a leased engine is made of. */
export interface Parts {
  door: StoreDoor;
  options: CheckedEngineOptions;
}

/** An operation whose key is ours. `sentAt`: when the claim that got it was sent, on the monotonic clock. */
interface Claimed {
  operation: OnceOperation;
  owner: string;
  acquired: Acquired;
  sentAt: number;
  work: Work<undefined>;
}

/**
 * Runs the work under its lease, and settles its key. Work whose time is over is waited for no longer, and its lease is
 * no longer renewed; when it ends at last, it settles its key all the same, if the key is still its own.
 */
export function carryOut(parts: Parts, claimed: Claimed): Promise<RunResult> {
  const { door, options } = parts;
  const { operation, owner } = claimed;
  const { scope, key } = operation;
  const { clocks, leaseMs, onEvent } = options;
  const lease = keepLease({
    clock: clocks.lease,
    leaseMs,
    heldSince: claimed.sentAt,
    renew: () => door.renew({ scope, key, owner, leaseMs }),
    onLost: () => notify(onEvent, { type: "lease-lost", scope, key }),
  });
  const time = timeOf(options, operation, (error) => lease.stop(error));
  return time.within(workAndSettle(parts, claimed, lease, time));
}

async function workAndSettle(parts: Parts, claimed: Claimed, lease: Lease, time: HandlerTimeout): Promise<RunResult> {
  const { door, options } = parts;
  const { operation, owner, acquired } = claimed;
  const { scope, key } = operation;
  const owned = { scope, key, owner };
  const { attempt, fence, abandoned } = acquired;
  const steps = storedSteps(door, owned, acquired.checkpoints, time);
  const step = recordedSteps(steps, options.steps);
  const { signal } = lease;
  let ended: WorkResult;
  try {
    ended = await claimed.work({ scope, key, attempt, abandoned, fence, signal, step, transaction: undefined });
  } catch (error) {
    time.stop();
    lease.stop(operationEndedError());
    // A handler whose time was over has been told of.
    if (!time.signal.aborted) notify(options.onEvent, { type: "handler-failed", scope, key, error });
    // If this can't be said either, the lease runs out, which says the same.
    await settle(parts, owned, settlementOfUnknown(options)).catch(() => undefined);
    throw error;
  }
  time.stop();
  lease.stop(mustStop(ended.effect) ? operationEndedError() : undefined);
  const policy = { hadEffects: abandoned || steps.hasStored(), takeOverAfterMs: options.takeOverAfterMs };
  const settlement = settlementOf(ended.effect, policy);
  if (await settle(parts, owned, settlement, ended)) {
    const outcome = outcomeOfOwner(ended, policy);
    const event = eventOf(ended, outcome, policy);
    const error = event === "handler-failed" ? failureOf(ended) : undefined;
    return { outcome, isStored: settlement === "complete", event, error };
  }
  const outcome = outcomeOfLoser(await door.inspect(operation), operation, ended);
  // Our own release was carried out, and its answer lost.
  return outcome.kind === "executed" ? { outcome, isStored: false, event: "released" } : withoutWork(outcome);
}

/** How the request ended whose work was carried out here. */
function eventOf({ effect }: WorkResult, outcome: Outcome, { hadEffects }: AttemptPolicy): RunResult["event"] {
  if (effect === "unknown") return "handler-failed";
  if (outcome.kind === "outcome-unknown" || effect !== "none") return outcome.kind;
  return hadEffects ? "abandoned" : "released";
}

/** What work failed with. */
export function failureOf({ cause }: WorkResult): unknown {
  return cause ?? new OnceAgainError("ONCE_HANDLER_FAILED", "The handler answered that it failed.");
}

/** The time of one handler. When it is over, that is an event, and `onOver` is called. */
export function timeOf(
  options: CheckedEngineOptions,
  { scope, key }: { scope: string; key: string | undefined },
  onOver?: (error: Error) => void,
): HandlerTimeout {
  return startHandlerTimeout(options, (error) => {
    onOver?.(error);
    notify(options.onEvent, { type: "handler-failed", scope, key, error });
  });
}

/** Ends an attempt. `false`: the key is no longer this owner's, and nothing was kept. */
function settle(
  { door, options }: Parts,
  owned: ReleaseRequest,
  settlement: Settlement,
  ended?: WorkResult,
): Promise<boolean> {
  switch (settlement) {
    case "abandon":
      return door.abandon(owned);
    case "release":
      return door.release(owned);
    case "expire":
      return Promise.resolve(true);
    case "complete":
      return door.complete({ ...owned, result: ended?.result ?? new Uint8Array(), retentionMs: options.retentionMs });
  }
}
