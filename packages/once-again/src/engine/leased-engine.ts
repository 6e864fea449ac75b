import { isPromise } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import type { Acquired, ClaimAnswer, ClaimRequest, Store } from "../stores/store.ts";
import { checkLeasedStore } from "./check-store.ts";
import type { Engine, OnceOperation, Outcome } from "./engine.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { LeasedAttempt, type LeasedParts, type LeasedRun } from "./leased-attempt.ts";
import { isPending } from "./leased-decisions.ts";
import { type CheckedEngineOptions, checkEngineOptions, type EngineOptions, pollMs } from "./options.ts";
import { endRequest, outcomeOfClaim, type RunResult, withoutWork } from "./run-result.ts";
import { runningOperations } from "./running-operations.ts";
import { type StoreDoor, storeDoor } from "./store-door.ts";
import { runUnkeyed } from "./unkeyed-work.ts";
import { publicEngine } from "./work-attempt.ts";

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
  const parts = { options, door, operations, purgeNowAndThen: expiryPurge(door), makeOwner: ownerTokens() };
  return {
    run(operation, work) {
      const entered = operations.enter(operation);
      if (!isPromise(entered)) return runOperation(parts, { operation, work, running: entered });
      return entered.then((later) =>
        "outcome" in later
          ? endRequest(operation, later, parts)
          : runOperation(parts, { operation, work, running: later }),
      );
    },
    runUnkeyed: (scope, work) => operations.runUnkeyed(() => runUnkeyed(door, options, scope, work)),
    async close() {
      await operations.drain();
      await door.close();
    },
  };
}

/** Tokens that no other attempt has: 128 random bits for the engine, and a number for each of its attempts. */
function ownerTokens(): () => string {
  const engine = crypto.randomUUID();
  let attempts = 0;
  return () => `${engine}.${(attempts += 1)}`;
}

/** Asks for the key, and runs the work once it is ours; as long as another attempt has it, until the wait is over. */
async function runOperation<Value>(parts: LeasedParts, run: LeasedRun<Value>): Promise<Outcome<Value>> {
  const request = claimRequest(parts, run.operation);
  let result: RunResult<Value> | undefined;
  try {
    while (result === undefined) {
      const sentAt = parts.options.clock.monotonic();
      const asked = parts.door.claim(request);
      const answer = isPromise(asked) ? await asked : asked;
      const told =
        answer.kind === "acquired"
          ? new LeasedAttempt(parts, run, { request, acquired: answer, sentAt }).result()
          : resultOfRefusal(parts, run, answer);
      result = isPromise(told) ? await told : told;
      if (result === undefined) await pauseBeforeClaim(parts, run);
    }
  } finally {
    parts.operations.leave(run.running, result);
  }
  return endRequest(run.operation, result, parts);
}

function claimRequest<Value>({ options, makeOwner }: LeasedParts, operation: OnceOperation<Value>): ClaimRequest {
  const { scope, key, fingerprint } = operation;
  const { leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs } = options;
  return { scope, key, fingerprint, owner: makeOwner(), leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs };
}

/** What a claim that was not granted comes to; `undefined` as long as it is worth asking again. */
function resultOfRefusal<Value>(
  { options, operations }: LeasedParts,
  { running }: LeasedRun<Value>,
  answer: Exclude<ClaimAnswer, Acquired>,
): RunResult<never> | undefined {
  if (!isPending(answer, options.takeOverAfterMs)) return withoutWork(outcomeOfClaim(answer));
  // A claim of another fingerprint would have been told so.
  operations.confirm(running);
  return running.waitEndsAt > options.clock.monotonic() ? undefined : withoutWork({ kind: "in-progress" });
}

function pauseBeforeClaim<Value>({ options: { clock } }: LeasedParts, { running }: LeasedRun<Value>): Promise<void> {
  return sleep(clock, Math.max(0, Math.min(pollMs, running.waitEndsAt - clock.monotonic())));
}
