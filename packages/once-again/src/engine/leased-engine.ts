import { sleep } from "../core/clock.ts";
import { notify } from "../core/events.ts";
import { keepLease, type Lease } from "../core/lease.ts";
import type { Acquired, ReleaseRequest, Store } from "../stores/store.ts";
import { checkLeasedStore } from "./check-store.ts";
import type { Engine, OnceOperation, Outcome, Work, WorkResult } from "./engine.ts";
import { operationEndedError } from "./errors.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { type HandlerTimeout, startHandlerTimeout } from "./handler-timeout.ts";
import {
  type AttemptPolicy,
  isPending,
  mustStop,
  outcomeOfLoser,
  outcomeOfOwner,
  type Settlement,
  settlementOf,
  settlementOfUnknown,
} from "./leased-decisions.ts";
import { type CheckedEngineOptions, checkEngineOptions, type EngineOptions, pollMs } from "./options.ts";
import { decodeOutcome, failureOf, notifyEnd, outcomeOfClaim, type RunResult, withoutWork } from "./run-result.ts";
import { type RunningOperation, type RunningOperations, runningOperations } from "./running-operations.ts";
import { recordedSteps } from "./steps.ts";
import { storeUnavailable } from "./store-calls.ts";
import { type StoreDoor, storeDoor } from "./store-door.ts";
import { storedSteps } from "./stored-steps.ts";
import { runUnkeyed } from "./unkeyed-work.ts";

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
  return leasedEngineOn(store, options, storeDoor(store, options));
}

/** The same, for a room that has checked its options already, and asks the store for more than an engine does. */
export function leasedEngineOn(store: Store, options: CheckedEngineOptions, door: StoreDoor): Engine<undefined> {
  checkLeasedStore(store, options);
  const operations = runningOperations(options.clock, options.waitMs);
  const purgeNowAndThen = expiryPurge(door);
  const parts = { options, door, operations };
  return {
    async run(operation, work) {
      const ran = await operations.run(operation, async (running) => {
        const claimed = await claim(parts, operation, running);
        return "outcome" in claimed ? claimed : runUnderLease(parts, claimed, operation, work);
      });
      notifyEnd(options.onEvent, operation, ran);
      if (ran.outcome.kind === "executed") purgeNowAndThen();
      return decodeOutcome(ran, operation.codec);
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
}

/** A key that is ours. `sentAt`: when the claim that got it was sent, on the monotonic clock. */
interface Claimed {
  owned: ReleaseRequest;
  acquired: Acquired;
  sentAt: number;
}

// 1. Claim: nothing runs before the key is ours.

/** Asks for the key; as long as another attempt has it, again, until the wait is over. */
async function claim(
  { options, door, operations }: Parts,
  { scope, key, fingerprint }: Pick<OnceOperation, "scope" | "key" | "fingerprint">,
  running: RunningOperation,
): Promise<Claimed | RunResult<never>> {
  const { clock, leaseMs, retentionMs, takeOverAfterMs } = options;
  const owner = crypto.randomUUID();
  const request = { scope, key, fingerprint, owner, leaseMs, retentionMs, takeOverAfterMs };
  for (;;) {
    const sentAt = clock.monotonic();
    const answer = await door.claim(request);
    if (answer.kind === "acquired") {
      const owned = { scope, key, owner };
      // Its lease may be over before we hear of it: then another may be at it already.
      if (clock.monotonic() - sentAt >= leaseMs) {
        door.withdraw(owned);
        throw storeUnavailable(undefined);
      }
      operations.confirm(running);
      return { owned, acquired: answer, sentAt };
    }
    if (!isPending(answer, takeOverAfterMs)) return withoutWork(outcomeOfClaim(answer));
    // A claim of another fingerprint would have been told so.
    operations.confirm(running);
    const leftMs = running.waitEndsAt - clock.monotonic();
    if (leftMs <= 0) return withoutWork({ kind: "in-progress" });
    await sleep(clock, Math.min(pollMs, leftMs));
  }
}

// 2. Run: the lease is renewed for as long as the work may go on.

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
  const { scope, key, owner } = claimed.owned;
  const { clocks, leaseMs, onEvent } = options;
  const lease = keepLease({
    clock: clocks.lease,
    leaseMs,
    heldSince: claimed.sentAt,
    renew: () => door.renew({ scope, key, owner, leaseMs }),
    onLost: () => notify(onEvent, { type: "lease-lost", scope, key }),
  });
  const timeout = startHandlerTimeout(options, (error) => {
    lease.stop(error);
    notify(onEvent, { type: "handler-failed", scope, key, error });
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
  const { scope, key } = owned;
  const { attempt, fence, abandoned } = acquired;
  const steps = storedSteps(door, owned, acquired.checkpoints, timeout);
  const step = recordedSteps(steps, options.steps);
  let worked: WorkResult<Value>;
  let result: Uint8Array;
  try {
    worked = await work({ scope, key, attempt, abandoned, fence, signal: lease.signal, step, transaction: undefined });
    result = operation.codec.encode(worked.result);
  } catch (error) {
    timeout.stop();
    lease.stop(operationEndedError());
    // A handler whose time was over has been told of.
    if (!timeout.signal.aborted) notify(options.onEvent, { type: "handler-failed", scope, key, error });
    // If this can't be said either, the lease runs out, which says the same.
    await settle(parts, owned, settlementOfUnknown(options)).catch(() => undefined);
    throw error;
  }
  timeout.stop();
  lease.stop(mustStop(worked.effect) ? operationEndedError() : undefined);

  // 3. Settle: what the work did is kept before anybody hears of it.

  const ended = { ...worked, result };
  const policy = { hadEffects: abandoned || steps.hasStored(), takeOverAfterMs: options.takeOverAfterMs };
  const settlement = settlementOf(worked.effect, policy);
  if (await settle(parts, owned, settlement, result)) {
    const outcome = outcomeOfOwner(ended, policy);
    const event = eventOf(worked.effect, outcome, policy);
    const error = event === "handler-failed" ? failureOf(worked) : undefined;
    return { outcome, isStored: settlement === "complete", event, value: worked.result, error };
  }
  const outcome = outcomeOfLoser(await door.inspect(owned), operation, ended);
  // Our own release was carried out, and its answer lost.
  if (outcome.kind === "executed") return { outcome, isStored: false, event: "released", value: worked.result };
  return withoutWork(outcome);
}

/** Ends an attempt. `false`: the key is no longer this owner's, and nothing was kept. */
function settle(
  { options, door }: Parts,
  owned: ReleaseRequest,
  settlement: Settlement,
  result: Uint8Array = new Uint8Array(),
): Promise<boolean> {
  switch (settlement) {
    case "abandon":
      return door.abandon(owned);
    case "release":
      return door.release(owned);
    case "expire":
      return Promise.resolve(true);
    case "complete":
      return door.complete({ ...owned, result, retentionMs: options.retentionMs });
  }
}

/** How the request ended whose work was carried out here. */
function eventOf(effect: WorkResult["effect"], outcome: Outcome, { hadEffects }: AttemptPolicy): RunResult["event"] {
  if (effect === "unknown") return "handler-failed";
  if (outcome.kind === "outcome-unknown" || effect !== "none") return outcome.kind;
  return hadEffects ? "abandoned" : "released";
}
