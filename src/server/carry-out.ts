import { notify } from "../core/events.ts";
import { keepLease, type Lease } from "../core/lease.ts";
import type { Acquired, ReleaseRequest, Store } from "../stores/store.ts";
import type { Ended, Work } from "./execution.ts";
import { type HandlerTime, handlerTime } from "./handler-time.ts";
import { type AttemptPolicy, outcomeOfLoser, outcomeOfOwner, settlementOf } from "./leased-decisions.ts";
import type { CheckedEngineOptions } from "./options.ts";
import type { OnceOperation, Outcome } from "./outcome.ts";
import { recordedSteps } from "./steps.ts";
import type { CallStore } from "./store-calls.ts";
import { keptSteps } from "./store-steps.ts";

/** What a leased engine is made of. */
export interface Parts {
  store: Store;
  options: CheckedEngineOptions;
  callStore: CallStore;
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
export function carryOut(parts: Parts, claimed: Claimed): Promise<Outcome> {
  const { store, options, callStore } = parts;
  const { operation, owner } = claimed;
  const { scope, key } = operation;
  const { clocks, leaseMs, onEvent } = options;
  const lease = keepLease({
    clock: clocks.lease,
    leaseMs,
    heldSince: claimed.sentAt,
    renew: () => callStore("renew", operation, () => store.renew({ scope, key, owner, leaseMs })),
    onLost: () => notify(onEvent, { kind: "lease-lost", scope, key }),
  });
  const time = timeOf(options, operation, (error) => lease.stop(error));
  return time.within(workAndSettle(parts, claimed, lease, time));
}

async function workAndSettle(parts: Parts, claimed: Claimed, lease: Lease, time: HandlerTime): Promise<Outcome> {
  const { store, options, callStore } = parts;
  const { operation, owner, acquired } = claimed;
  const { scope, key } = operation;
  const owned = { scope, key, owner };
  const { attempt, fence, abandoned } = acquired;
  const steps = keptSteps(store, callStore, owned, acquired.checkpoints, time, options.onError);
  const step = recordedSteps(steps, options.steps);
  const { signal } = lease;
  let ended: Ended;
  try {
    ended = await claimed.work({ scope, key, attempt, abandoned, fence, signal, step, transaction: undefined });
  } catch (error) {
    notify(options.onEvent, { kind: "handler-failed", scope, key, error });
    // If this can't be said either, the lease runs out, which says the same.
    await abandon(parts, owned).catch(() => undefined);
    throw error;
  } finally {
    lease.stop();
    time.stop();
  }
  const policy = { hadEffects: abandoned || steps.hasKept(), takeOverAfterMs: options.takeOverAfterMs };
  const isOurs = await settle(parts, owned, ended, policy);
  if (isOurs) return outcomeOfOwner(ended, policy);
  return outcomeOfLoser(await callStore("inspect", operation, () => store.inspect(operation)), operation, ended);
}

/** The time of one handler. When it is over, that is an event, and `onOver` is called. */
export function timeOf(
  options: CheckedEngineOptions,
  { scope, key }: { scope: string; key: string | undefined },
  onOver?: (error: Error) => void,
): HandlerTime {
  return handlerTime(options, (error) => {
    onOver?.(error);
    notify(options.onEvent, { kind: "handler-failed", scope, key, error });
  });
}
/** Ends an attempt as `settlementOf` says. `false`: the key is no longer this owner's, and nothing was kept. */
export function settle(parts: Parts, owned: ReleaseRequest, ended: Ended, policy: AttemptPolicy): Promise<boolean> {
  const { store, options, callStore } = parts;
  const { onEvent, retentionMs } = options;
  const { scope, key } = owned;
  switch (settlementOf(ended.effect, policy)) {
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
