import { sleep } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { keepLease } from "../core/lease.ts";
import type { Acquired, ClaimAnswer, ReleaseRequest, Store } from "../stores/store.ts";
import type { Engine } from "./engine.ts";
import { type Attempt, type Ended, firstAttempt, type Work } from "./execution.ts";
import { inFlight } from "./in-flight.ts";
import { isPending, outcomeOfLoser, outcomeOfOwner, settlementOf } from "./leased-decisions.ts";
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from "./options.ts";
import { type OnceOperation, type Outcome, outcomeOfClaim } from "./outcome.ts";
import { purging } from "./purging.ts";
import { plainSteps, recordedSteps } from "./steps.ts";
import { keptSteps, transactUnkeyed } from "./store-steps.ts";
import { type CallStore, storeCalls, storeUnavailable } from "./store-calls.ts";

/** How long to wait before asking the store again whether a running operation has ended, milliseconds. */
const pollMs = 50;

interface Parts {
  store: Store;
  options: CheckedEngineOptions;
  callStore: CallStore;
}

/**
 * An engine whose operations own their key by a lease: the claim is kept first, then the work runs, then its result is
 * kept. The effect may be anywhere.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function leasedEngine(store: Store, engineOptions: EngineOptions): Engine<undefined> {
  const options = checkedEngineOptions(engineOptions);
  refuseUnsafe(store, engineOptions);
  const parts: Parts = { store, options, callStore: storeCalls(options) };
  const purgeNowAndThen = purging(store, options);
  const running = inFlight(options.clock, options.waitMs);
  return {
    run: async (operation, work) => {
      const outcome = await running.run(operation, (waitEndsAt) => runOperation(parts, operation, waitEndsAt, work));
      notify(options.onEvent, { kind: outcome.kind, scope: operation.scope, key: operation.key });
      if (outcome.kind === "executed") purgeNowAndThen();
      return outcome;
    },
    runUnkeyed: (scope, work) =>
      running.runUnkeyed(async () => (await work(unkeyedAttempt(store, scope, options))).result),
    close: () => running.drain(),
  };
}

/** What work is told that has no key, and so no record. */
export function unkeyedAttempt(store: Store, scope: string, { steps }: CheckedEngineOptions): Attempt<undefined> {
  const name = { scope, key: undefined };
  return firstAttempt(
    name,
    undefined,
    plainSteps(name, steps, (work) => transactUnkeyed(store, work)),
  );
}

function refuseUnsafe({ survivesFailover }: Store, { onUnknown, acknowledgeDuplicates }: EngineOptions): void {
  if (onUnknown !== "rerun" || survivesFailover !== "no" || acknowledgeDuplicates) return;
  throw new OnceAgainError(
    "ONCE_UNSAFE_PAIR",
    'onUnknown "rerun" on a store that can lose claims runs an operation again even while it runs. Use a store that ' +
      "survives failover, or say with acknowledgeDuplicates: true that the effect is idempotent or keyed further down.",
  );
}

async function runOperation(
  parts: Parts,
  operation: OnceOperation,
  waitEndsAt: number,
  work: Work<undefined>,
): Promise<Outcome> {
  const { clock, leaseMs, takeOverAfterMs } = parts.options;
  const owner = crypto.randomUUID();
  for (;;) {
    const sentAt = clock.monotonic();
    const answer = await claim(parts, operation, owner);
    if (answer.kind === "acquired") {
      // Its lease may be over before we hear of it: then another may be at it already.
      if (clock.monotonic() - sentAt < leaseMs)
        return carryOut(parts, { operation, owner, acquired: answer, sentAt, work });
      takeBack(parts, operation, owner);
      throw storeUnavailable(undefined);
    }
    const leftMs = waitEndsAt - clock.monotonic();
    if (!isPending(answer, takeOverAfterMs)) return outcomeOfClaim(answer);
    if (leftMs <= 0) return { kind: "in-progress" };
    await sleep(clock, Math.min(pollMs, leftMs));
  }
}

/** Claims the key; a claim that nobody confirmed is taken back, as well as can be, since the work will not run. */
async function claim(parts: Parts, operation: OnceOperation, owner: string): Promise<ClaimAnswer> {
  const { store, options, callStore } = parts;
  const { leaseMs, retentionMs, takeOverAfterMs } = options;
  try {
    return await callStore("claim", operation, () =>
      store.claim({ ...operation, owner, leaseMs, retentionMs, takeOverAfterMs }),
    );
  } catch (error) {
    takeBack(parts, operation, owner);
    throw error;
  }
}

/** Gives a claim back for which no work will run. Whoever waits for a 503 should not wait for this too. */
function takeBack(parts: Parts, { scope, key }: OnceOperation, owner: string): void {
  const owned = { scope, key, owner };
  // Where operations are taken over, this may be one that an earlier attempt left.
  const hadEffects = parts.options.takeOverAfterMs !== undefined;
  settle(parts, owned, { effect: "none", result: new Uint8Array() }, hadEffects).catch(() => undefined);
}

/** Runs the work under its lease, and settles its key. */
async function carryOut(
  parts: Parts,
  claimed: { operation: OnceOperation; owner: string; acquired: Acquired; sentAt: number; work: Work<undefined> },
): Promise<Outcome> {
  const { store, options, callStore } = parts;
  const { operation, owner, acquired } = claimed;
  const { scope, key } = operation;
  const { clock, leaseMs, onEvent } = options;
  const lease = keepLease({
    clock,
    leaseMs,
    heldSince: claimed.sentAt,
    renew: () => callStore("renew", operation, () => store.renew({ scope, key, owner, leaseMs })),
    onLost: () => notify(onEvent, { kind: "lease-lost", scope, key }),
  });
  const owned = { scope, key, owner };
  const { attempt, fence, abandoned } = acquired;
  const steps = keptSteps(store, callStore, owned, acquired.checkpoints);
  const step = recordedSteps(steps, options.steps);
  const { signal } = lease;
  let ended: Ended;
  try {
    ended = await claimed.work({ scope, key, attempt, abandoned, fence, signal, step, transaction: undefined });
  } catch (error) {
    notify(onEvent, { kind: "handler-failed", scope, key, error });
    // If this can't be said either, the lease runs out, which says the same.
    await abandon(parts, owned).catch(() => undefined);
    throw error;
  } finally {
    lease.stop();
  }
  const isOurs = await settle(parts, owned, ended, abandoned || steps.hasKept);
  if (isOurs) return outcomeOfOwner(ended);
  return outcomeOfLoser(await callStore("inspect", operation, () => store.inspect(operation)), operation, ended);
}

/** Ends an attempt as `settlementOf` says. `false`: the key is no longer this owner's, and nothing was kept. */
function settle(parts: Parts, owned: ReleaseRequest, ended: Ended, hadEffects: boolean): Promise<boolean> {
  const { store, options, callStore } = parts;
  const { onEvent, retentionMs, takeOverAfterMs } = options;
  const { scope, key } = owned;
  switch (settlementOf(ended.effect, { hadEffects, takeOverAfterMs })) {
    case "abandon":
      return abandon(parts, owned);
    case "release":
      notify(onEvent, { kind: "released", scope, key });
      return callStore("release", owned, () => store.release(owned));
    case "complete":
      return callStore("complete", owned, () => store.complete({ ...owned, result: ended.result, retentionMs }));
  }
}

/** Ends the lease now: the next attempt sees an operation whose outcome is unknown. */
function abandon({ store, options, callStore }: Parts, owned: ReleaseRequest): Promise<boolean> {
  notify(options.onEvent, { kind: "abandoned", scope: owned.scope, key: owned.key });
  return callStore("renew", owned, () => store.renew({ ...owned, leaseMs: 0 }));
}
