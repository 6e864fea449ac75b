import type { BrokenStore } from "./broken-store.ts";

const muchLongerMs = 1e12;

/** Flaws in its times, which a contract on a clock sees to the millisecond. */
export const brokenTimes: readonly BrokenStore[] = [
  {
    flaw: "its records never expire",
    caughtBy: "just before its expiry a done key is known",
    break: (store) => ({
      claim: (request) => store.claim({ ...request, retentionMs: muchLongerMs }),
      complete: (request) => store.complete({ ...request, retentionMs: muchLongerMs }),
    }),
  },
  {
    flaw: "its leases never end",
    caughtBy: "just before its end a lease is alive",
    break: (store) => ({
      claim: (request) => store.claim({ ...request, leaseMs: request.leaseMs && muchLongerMs }),
    }),
  },
  {
    flaw: "its leases end too early",
    caughtBy: "just before its end a lease is alive",
    break: (store) => ({ claim: (request) => store.claim({ ...request, leaseMs: Math.trunc(request.leaseMs / 2) }) }),
  },
  {
    flaw: "it takes over as soon as a lease is over",
    caughtBy: "a take-over waits until the lease has been over",
    break: (store) => ({
      claim: (request) =>
        store.claim({ ...request, ...(request.takeOverAfterMs === undefined ? {} : { takeOverAfterMs: 0 }) }),
    }),
  },
];

/** Flaws in its retentions, which only a contract on a clock sees. */
export const brokenRetentions: readonly BrokenStore[] = [
  {
    flaw: "a completion is not stored longer than the claim",
    caughtBy: "a store does what `transition` says",
    break: (store) => ({ complete: (request) => store.complete({ ...request, retentionMs: 0 }) }),
  },
  {
    flaw: "an abandoned record dies with its lease",
    caughtBy: "a key without a result is stored until it is settled",
    break: (store) => ({ claim: (request) => store.claim({ ...request, heldRetentionMs: request.leaseMs }) }),
  },
  {
    flaw: "a record without a result expires with its retention",
    caughtBy: "a key without a result is stored until it is settled",
    break: (store) => ({
      claim: (request) => store.claim({ ...request, heldRetentionMs: request.heldRetentionMs ?? request.retentionMs }),
    }),
  },
  {
    flaw: "it holds a key for ever whatever its claim says",
    caughtBy: "where its claim says how long it is held",
    break: (store) => ({ claim: (request) => store.claim({ ...request, heldRetentionMs: undefined }) }),
  },
  {
    flaw: "a retention counts from the claim",
    caughtBy: "just before its expiry a done key is known",
    break: (store) => ({
      async complete(request) {
        const found = await store.inspect(request);
        const runMs = found === undefined ? 0 : found.record.leaseUntil - found.record.createdAt;
        return store.complete({ ...request, retentionMs: request.retentionMs - runMs / 2 });
      },
    }),
  },
  {
    flaw: "a stored result lives as long as the lease under which it was stored",
    caughtBy: "a stored result expires when its retention is over",
    break: (store) => {
      const leases = new Map<string, number>();
      return {
        claim: (request) => {
          leases.set(request.owner, request.leaseMs);
          return store.claim(request);
        },
        complete: (request) =>
          store.complete({
            ...request,
            retentionMs: Math.max(request.retentionMs, leases.get(request.owner) ?? 0),
          }),
      };
    },
  },
];
