import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import { notify } from "../core/events.ts";
import { Lease } from "../core/lease.ts";
import type { Acquired, ReleaseRequest, Store } from "../stores/store.ts";
import { checkLeasedStore } from "./check-store.ts";
import type { Engine, OnceOperation, Outcome, Work, WorkResult } from "./engine.ts";
import { operationEndedError, storeUnavailableError } from "./errors.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { HandlerTimeout } from "./handler-timeout.ts";
import {
  type AttemptPolicy,
  isHalfWay,
  isPending,
  mustStop,
  outcomeOfLoser,
  outcomeOfOwner,
  type Settlement,
  settlementOf,
  settlementOfUnknown,
} from "./leased-decisions.ts";
import { type CheckedEngineOptions, checkEngineOptions, type EngineOptions, pollMs } from "./options.ts";
import { decodeOutcome, workError, notifyEnd, outcomeOfClaim, type RunResult, withoutWork } from "./run-result.ts";
import { type RunningOperation, type RunningOperations, runningOperations } from "./running-operations.ts";
import { type StoreDoor, storeDoor } from "./store-door.ts";
import { storedSteps } from "./stored-steps.ts";
import { runUnkeyed } from "./unkeyed-work.ts";
import { publicEngine, WorkAttempt } from "./work-attempt.ts";

/**
 * An engine whose operations own their key by a lease: the claim is kept first, then the work runs, then its result is
 * kept. The effect may be anywhere.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const engine = leasedEngine(redisStore({ client }), { leaseMs: 30_000 });
 * const operation = { scope: "tenant-7", key: message.id, fingerprint: message.hash, codec: bytesCodec };
 * const outcome = await engine.run(operation, async ({ fence }) => {
 *   const receipt = await charge(message, fence);
 *   return { effect: "done", result: receipt };
 * });
 * if (outcome.kind === "executed" || outcome.kind === "replayed") acknowledge(message, outcome.result);
 * ```
 */
export function leasedEngine(store: Store, engineOptions: EngineOptions): Engine<undefined> {
  const options = checkEngineOptions(engineOptions);
  return publicEngine(leasedEngineOn(store, options, storeDoor(store, options)));
}

/** The same, for a room that has checked its options already, and asks the store for more than an engine does. */
export function leasedEngineOn(store: Store, options: CheckedEngineOptions, door: StoreDoor): Engine<undefined> {
  checkLeasedStore(store, options);
  const operations = runningOperations(options.clock, options.waitMs);
  const purgeNowAndThen = expiryPurge(door);
  const parts = { options, door, operations, makeOwner: ownerTokens() };
  return {
    async run(operation, work) {
      const entered = operations.enter(operation);
      const running = isPromise(entered) ? await entered : entered;
      const result = "outcome" in running ? running : await runOperation(parts, running, operation, work);
      notifyEnd(options.onEvent, operation, result);
      if (result.outcome.kind === "executed") purgeNowAndThen();
      return decodeOutcome(result, operation.codec);
    },
    runUnkeyed: (scope, work) => operations.runUnkeyed(() => runUnkeyed(door, options, scope, work)),
    async close() {
      await operations.drain();
      await door.close();
    },
  };
}

/** What a leased engine is made of. */
interface Parts {
  options: CheckedEngineOptions;
  door: StoreDoor;
  operations: RunningOperations;
  makeOwner: () => string;
}

/** Tokens that no other attempt has: 128 random bits for the engine, and a number for each of its attempts. */
function ownerTokens(): () => string {
  const engine = crypto.randomUUID();
  let attempts = 0;
  return () => `${engine}.${(attempts += 1)}`;
}

// 1. Claim: nothing runs before the key is ours.

/** Asks for the key, and runs the work once it is ours; as long as another attempt has it, until the wait is over. */
async function runOperation<Value>(
  parts: Parts,
  running: RunningOperation,
  operation: OnceOperation<Value>,
  work: Work<undefined, Value>,
): Promise<RunResult<Value>> {
  const { options, door, operations } = parts;
  const { clock, leaseMs, retentionMs, takeOverAfterMs } = options;
  const { scope, key, fingerprint } = operation;
  const owner = parts.makeOwner();
  const request = { scope, key, fingerprint, owner, leaseMs, retentionMs, takeOverAfterMs };
  let result: RunResult<Value> | undefined;
  try {
    for (;;) {
      const sentAt = clock.monotonic();
      const asked = door.claim(request);
      const answer = isPromise(asked) ? await asked : asked;
      if (answer.kind === "acquired") {
        const owned = { scope, key, owner };
        // Its lease may be over before we hear of it: then another may be at it already.
        if (clock.monotonic() - sentAt >= leaseMs) {
          door.withdraw(owned);
          throw storeUnavailableError(undefined);
        }
        operations.confirm(running);
        return (result = await runUnderLease(parts, { owned, acquired: answer, sentAt }, operation, work));
      }
      if (!isPending(answer, takeOverAfterMs)) return (result = withoutWork(outcomeOfClaim(answer)));
      // A claim of another fingerprint would have been told so.
      operations.confirm(running);
      const leftMs = running.waitEndsAt - clock.monotonic();
      if (leftMs <= 0) return (result = withoutWork({ kind: "in-progress" }));
      await sleep(clock, Math.min(pollMs, leftMs));
    }
  } finally {
    operations.leave(running, result);
  }
}

// 2. Run: the lease is renewed for as long as the work may go on.

/** A key that is ours. `sentAt`: when the claim that got it was sent, on the monotonic clock. */
interface Claimed {
  owned: ReleaseRequest;
  acquired: Acquired;
  sentAt: number;
}

/**
 * Runs the work under its lease, and settles its key. Work whose time is over is waited for no longer, and its lease is
 * no longer renewed; when it ends at last, it settles its key all the same, if the key is still its own.
 */
function runUnderLease<Value>(
  parts: Parts,
  claimed: Claimed,
  operation: OnceOperation<Value>,
  work: Work<undefined, Value>,
): Promise<RunResult<Value>> {
  const { options, door } = parts;
  const { owned, sentAt } = claimed;
  const { scope, key } = owned;
  const { deadlines, leaseMs, onEvent } = options;
  const timeout = new HandlerTimeout(options, (error) => {
    lease.stop();
    notify(onEvent, { type: "handler-failed", scope, key, error });
  });
  const lease = new Lease({
    timer: deadlines.lease,
    leaseMs,
    heldSince: sentAt,
    abort: timeout.abort,
    renew: () => door.renew({ ...owned, leaseMs }),
    onLost: () => notify(onEvent, { type: "lease-lost", scope, key }),
  });
  return timeout.within(runAndSettle(parts, claimed, { operation, work, lease, timeout }));
}

/** Work that runs, and what bounds it. */
interface LeasedWork<Value> {
  operation: OnceOperation<Value>;
  work: Work<undefined, Value>;
  lease: Lease;
  timeout: HandlerTimeout;
}

async function runAndSettle<Value>(
  parts: Parts,
  { owned, acquired }: Claimed,
  { operation, work, lease, timeout }: LeasedWork<Value>,
): Promise<RunResult<Value>> {
  const { options, door } = parts;
  const steps = storedSteps(door, owned, acquired.checkpoints, options.steps, timeout);
  let ended: WorkResult<Value>;
  let result: Uint8Array;
  try {
    ended = await work(new WorkAttempt(owned, acquired, undefined, timeout.abort, steps.open));
    result = operation.codec.encode(ended.result);
  } catch (error) {
    timeout.stop(operationEndedError());
    lease.stop();
    // A handler whose time was over has been told of.
    if (!timeout.isOver) notify(options.onEvent, { type: "handler-failed", scope: owned.scope, key: owned.key, error });
    // If this can't be said either, the lease runs out, which says the same.
    await Promise.resolve(settle(parts, owned, settlementOfUnknown(options))).catch(() => undefined);
    throw error;
  }
  lease.stop();
  timeout.stop(mustStop(ended.effect) ? operationEndedError() : undefined);

  // 3. Settle: what the work did is kept before anybody hears of it.

  const { takeOverAfterMs, finishes } = options;
  const policy = { hadEffects: acquired.abandoned || steps.hasStored(), takeOverAfterMs, finishes };
  const settlement = settlementOf(ended.effect, policy);
  const settling = settle(parts, owned, settlement, result);
  const stored = { ...ended, result };
  if (isPromise(settling) ? await settling : settling) {
    const outcome = outcomeOfOwner(stored, policy);
    const event = eventOf(ended.effect, outcome, policy);
    const error = event === "handler-failed" ? workError(ended) : undefined;
    return { outcome, isStored: settlement === "complete", event, value: ended.result, error };
  }
  const outcome = outcomeOfLoser(await door.inspect(owned), operation, stored);
  // Our own release was carried out, and its answer lost.
  if (outcome.kind === "executed") return { outcome, isStored: false, event: "released", value: ended.result };
  return withoutWork(outcome);
}

/** Ends an attempt. `false`: the key is no longer this owner's, and nothing was kept. */
function settle(
  { options, door }: Parts,
  owned: ReleaseRequest,
  settlement: Settlement,
  result: Uint8Array = new Uint8Array(),
): Awaitable<boolean> {
  switch (settlement) {
    case "abandon":
      return door.abandon(owned);
    case "release":
      return door.release(owned);
    case "expire":
      return true;
    case "complete":
      return door.complete({ ...owned, result, retentionMs: options.retentionMs });
  }
}

/** How the request ended whose work was carried out here. */
function eventOf(effect: WorkResult["effect"], outcome: Outcome, policy: AttemptPolicy): RunResult["event"] {
  if (effect === "unknown" || isHalfWay(effect, policy)) return "handler-failed";
  if (outcome.kind === "outcome-unknown" || effect !== "none") return outcome.kind;
  return policy.hadEffects ? "abandoned" : "released";
}
