import { sleep } from "../core/clock.ts";
import { notify } from "../core/events.ts";
import type { Acquired, ClaimAnswer, ReleaseRequest, Store } from "../stores/store.ts";
import type { Engine } from "./engine.ts";
import { type Ended, firstAttempt, type Work } from "./execution.ts";
import { inFlight } from "./in-flight.ts";
import { keepLease } from "./lease.ts";
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from "./options.ts";
import { type OnceOperation, type Outcome, outcomeOfClaim } from "./outcome.ts";
import { type CallStore, storeCalls } from "./store-calls.ts";

/** How long to wait before asking the store again whether a running operation has ended, milliseconds. */
const pollMs = 50;

/** How work ends that never began. */
const nothing: Ended = { effect: "none", result: new Uint8Array() };

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
  const parts: Parts = { store, options, callStore: storeCalls(options) };
  const running = inFlight(options.clock, options.waitMs);
  return {
    run: async (operation, work) => {
      const outcome = await running.run(operation, (waitEndsAt) => runOperation(parts, operation, waitEndsAt, work));
      notify(options.onEvent, { kind: outcome.kind, scope: operation.scope, key: operation.key });
      return outcome;
    },
    runUnkeyed: (scope, work) =>
      running.runUnkeyed(async () => (await work(firstAttempt({ scope, key: undefined }, undefined))).result),
    close: () => running.drain(),
  };
}

async function runOperation(
  parts: Parts,
  operation: OnceOperation,
  waitEndsAt: number,
  work: Work<undefined>,
): Promise<Outcome> {
  const { clock } = parts.options;
  const owner = crypto.randomUUID();
  for (;;) {
    const sentAt = clock.monotonic();
    const answer = await claim(parts, operation, owner);
    if (answer.kind === "acquired") return carryOut(parts, { operation, owner, acquired: answer, sentAt, work });
    const leftMs = waitEndsAt - clock.monotonic();
    if (answer.kind !== "in-progress" || leftMs <= 0) return outcomeOfClaim(answer);
    await sleep(clock, Math.min(pollMs, leftMs));
  }
}

/** Claims the key; a claim that nobody confirmed is taken back, as well as can be, since the work will not run. */
async function claim(parts: Parts, operation: OnceOperation, owner: string): Promise<ClaimAnswer> {
  const { store, options, callStore } = parts;
  const { leaseMs, retentionMs } = options;
  const takeOver = options.onUnknown !== "hold";
  try {
    return await callStore("claim", operation, () =>
      store.claim({ ...operation, owner, leaseMs, retentionMs, takeOver }),
    );
  } catch (error) {
    const { scope, key } = operation;
    const takeBack = takeOver ? abandon(parts, { scope, key, owner }) : settle(parts, { scope, key, owner }, nothing);
    // Whoever waits for a 503 should not wait for this too.
    void takeBack.catch(() => undefined);
    throw error;
  }
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
  const { attempt, fence } = acquired;
  let ended: Ended;
  try {
    ended = await claimed.work({ scope, key, attempt, fence, signal: lease.signal, transaction: undefined });
  } catch (error) {
    notify(onEvent, { kind: "handler-failed", scope, key, error });
    // If this can't be said either, the lease runs out, which says the same.
    await abandon(parts, { scope, key, owner }).catch(() => undefined);
    throw error;
  } finally {
    lease.stop();
  }
  const owned = await settle(parts, { scope, key, owner }, ended);
  return owned ? { kind: "executed", result: ended.result } : outcomeOfAnother(parts, operation, ended);
}

/** Keeps what the work did. `false`: the key is no longer this owner's, and nothing was kept. */
function settle(parts: Parts, owned: ReleaseRequest, { effect, result }: Ended): Promise<boolean> {
  const { store, options, callStore } = parts;
  if (effect === "none") {
    notify(options.onEvent, { kind: "released", scope: owned.scope, key: owned.key });
    return callStore("release", owned, () => store.release(owned));
  }
  if (effect === "unknown" && options.onUnknown === "rerun") return abandon(parts, owned);
  const { retentionMs } = options;
  return callStore("complete", owned, () => store.complete({ ...owned, result, retentionMs }));
}

/** Ends the lease now: the next attempt sees an operation whose outcome is unknown. */
function abandon({ store, options, callStore }: Parts, owned: ReleaseRequest): Promise<boolean> {
  notify(options.onEvent, { kind: "abandoned", scope: owned.scope, key: owned.key });
  return callStore("renew", owned, () => store.renew({ ...owned, leaseMs: 0 }));
}

/** A late owner answers with what the record says, never with its own result. */
async function outcomeOfAnother(
  { store, callStore }: Parts,
  operation: OnceOperation,
  { effect, result }: Ended,
): Promise<Outcome> {
  const found = await callStore("inspect", operation, () => store.inspect(operation));
  if (found === undefined) {
    // Work without an effect leaves none to be another's: our own release was carried out, and its answer lost.
    return effect === "none" ? { kind: "executed", result } : { kind: "outcome-unknown" };
  }
  if (found.record.fingerprint !== operation.fingerprint) return { kind: "mismatch" };
  if (found.record.result !== undefined) return { kind: "replayed", result: found.record.result };
  return { kind: found.state === "running" ? "in-progress" : "outcome-unknown" };
}
