import { sleep } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { invalidOption } from "../core/options.ts";
import type { ClaimAnswer, Store } from "../stores/store.ts";
import { carryOut, type Parts, settle, timeOf } from "./carry-out.ts";
import type { Engine } from "./engine.ts";
import { type Attempt, firstAttempt, type Work } from "./execution.ts";
import { type HandlerTime, unlimited } from "./handler-time.ts";
import { inFlight } from "./in-flight.ts";
import { isPending } from "./leased-decisions.ts";
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from "./options.ts";
import { type OnceOperation, type Outcome, outcomeOfClaim } from "./outcome.ts";
import { purging } from "./purging.ts";
import { plainSteps } from "./steps.ts";
import { transactUnkeyed } from "./store-steps.ts";
import { storeCalls, storeUnavailable } from "./store-calls.ts";

/** How long to wait before asking the store again whether a running operation has ended, milliseconds. */
const pollMs = 50;

/**
 * An engine whose operations own their key by a lease: the claim is kept first, then the work runs, then its result is
 * kept. The effect may be anywhere.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function leasedEngine(store: Store, engineOptions: EngineOptions): Engine<undefined> {
  const options = checkedEngineOptions(engineOptions);
  refuseUnsafe(store, engineOptions);
  refuseForgetful(store, options);
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
      running.runUnkeyed(async () => {
        const time = timeOf(options, { scope, key: undefined });
        const working = work(unkeyedAttempt(store, scope, options, time)).finally(time.stop);
        return (await time.within(working)).result;
      }),
    close: () => running.drain(),
  };
}

/** What work is told that has no key, and so no record. */
export function unkeyedAttempt(
  store: Store,
  scope: string,
  { steps, onError }: CheckedEngineOptions,
  time: HandlerTime = unlimited,
): Attempt<undefined> {
  const name = { scope, key: undefined };
  return firstAttempt(
    name,
    undefined,
    plainSteps(name, steps, (work) => transactUnkeyed(store, work, time, onError)),
    time.signal,
  );
}

function refuseForgetful({ retentionMsMax = Infinity }: Store, { retentionMs }: CheckedEngineOptions): void {
  if (retentionMs <= retentionMsMax) return;
  throw invalidOption("retentionMs", `at most ${retentionMsMax}, since this store keeps nothing longer`, retentionMs);
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
        return await carryOut(parts, { operation, owner, acquired: answer, sentAt, work });
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
  const { takeOverAfterMs } = parts.options;
  const policy = { hadEffects: takeOverAfterMs !== undefined, takeOverAfterMs };
  settle(parts, owned, { effect: "none", result: new Uint8Array() }, policy).catch(() => undefined);
}
