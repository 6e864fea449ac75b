import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { sleep } from "../core/clock.ts";
import type { Acquired, ClaimAnswer, ClaimRequest, Store } from "../stores/store.ts";
import {
  type CheckedEngineOptions,
  checkEngineOptions,
  checkLeasedStore,
  type EngineOptions,
  pollMs,
} from "./options.ts";
import type { Engine, OnceOperation, OpeningEngine, Outcome } from "./engine.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { LeasedAttempt, type LeasedParts, type LeasedRequest } from "./leased-attempt.ts";
import { isPending } from "./leased-decisions.ts";
import { endRequest, outcomeOfClaim, type RequestEnd, endWithoutWork } from "./request-end.ts";
import { runningOperations } from "./duplicates.ts";
import { openByRunning } from "./open-by-running.ts";
import { type StoreDoor, storeDoor } from "./store-door.ts";
import { runUnkeyed } from "./unkeyed-work.ts";
import { publicEngine } from "./execution.ts";

/**
 * An engine in which operations own their key by a lease: the claim is stored first, then the work runs, then its result
 * is stored. The effect may be anywhere.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const engine = leasedEngine(redisStore(client), { leaseMs: 30_000 });
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
export function leasedEngineOn(store: Store, options: CheckedEngineOptions, door: StoreDoor): OpeningEngine<undefined> {
  checkLeasedStore(store, options);
  const operations = runningOperations(options.clock, options.waitMs);
  const parts = { options, door, operations, purgeNowAndThen: expiryPurge(door), makeOwner: ownerTokens() };
  const open = <Value>(operation: OnceOperation<Value>): Awaitable<LeasedAttempt<Value> | Outcome<Value>> => {
    const entered = operations.enter(operation);
    if (!isPromise(entered)) return claim(parts, { operation, running: entered });
    return entered.then((later) =>
      "outcome" in later ? endRequest(operation, later, parts) : claim(parts, { operation, running: later }),
    );
  };
  const runWithoutKey: Engine<undefined>["runUnkeyed"] = (scope, work) =>
    operations.runUnkeyed(() => runUnkeyed(door, options, scope, work));
  return {
    open,
    async run(operation, work) {
      const opening = open(operation);
      const opened = isPromise(opening) ? await opening : opening;
      return opened.kind === "attempt" ? opened.run(work) : opened;
    },
    runUnkeyed: runWithoutKey,
    openUnkeyed: (scope) =>
      openByRunning(async (work) => ({ kind: "executed", result: await runWithoutKey(scope, work) })),
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

/** Asks the store for a key; while another attempt owns it, again and again until the wait is over. */
function claim<Value>(
  parts: LeasedParts,
  requested: LeasedRequest<Value>,
): Awaitable<LeasedAttempt<Value> | Outcome<Value>> {
  const leave = (error: unknown): never => {
    parts.operations.leave(requested.running, undefined);
    throw error;
  };
  try {
    const claimed = claimOnce(parts, requested, claimRequest(parts, requested.operation));
    return isPromise(claimed) ? claimed.catch(leave) : claimed;
  } catch (error) {
    return leave(error);
  }
}

function claimOnce<Value>(
  parts: LeasedParts,
  requested: LeasedRequest<Value>,
  request: ClaimRequest,
): Awaitable<LeasedAttempt<Value> | Outcome<Value>> {
  const sentAt = parts.options.clock.monotonic();
  const answer = parts.door.claim(request);
  const take = (answered: ClaimAnswer): Awaitable<LeasedAttempt<Value> | Outcome<Value>> => {
    if (answered.kind === "acquired") {
      return new LeasedAttempt(parts, requested, { request, acquired: answered, sentAt });
    }
    const result = resultOfRefusal(parts, requested, answered);
    if (result === undefined) {
      return pauseBeforeClaim(parts, requested).then(() => claimOnce(parts, requested, request));
    }
    parts.operations.leave(requested.running, result);
    return endRequest(requested.operation, result, parts);
  };
  return isPromise(answer) ? answer.then(take) : take(answer);
}

function claimRequest<Value>({ options, makeOwner }: LeasedParts, operation: OnceOperation<Value>): ClaimRequest {
  const { scope, key, fingerprint } = operation;
  const { leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs } = options;
  return { scope, key, fingerprint, owner: makeOwner(), leaseMs, retentionMs, heldRetentionMs, takeOverAfterMs };
}

/** The end of a request that was not granted its claim; `undefined` as long as it is worth asking again. */
function resultOfRefusal<Value>(
  { options, operations }: LeasedParts,
  { running }: LeasedRequest<Value>,
  answer: Exclude<ClaimAnswer, Acquired>,
): RequestEnd<never> | undefined {
  if (!isPending(answer, options.takeOverAfterMs)) return endWithoutWork(outcomeOfClaim(answer));
  // The store would have refused another fingerprint.
  operations.confirm(running);
  return running.waitEndsAt > options.clock.monotonic() ? undefined : endWithoutWork({ kind: "in-progress" });
}

function pauseBeforeClaim<Value>(
  { options: { clock } }: LeasedParts,
  { running }: LeasedRequest<Value>,
): Promise<void> {
  return sleep(clock, Math.max(0, Math.min(pollMs, running.waitEndsAt - clock.monotonic())));
}
