import { asOwner, type BrokenStore } from "./broken-store.ts";

/** Flaws in the operations of people: listing, showing and settling. */
export const brokenViews: readonly BrokenStore[] = [
  {
    flaw: "it settles what is running",
    caughtBy: "only an abandoned record is settled",
    break: (store) => ({
      async resolve(request) {
        await store.renew({ ...(await asOwner(store, request)), leaseMs: 0 });
        return store.resolve(request);
      },
    }),
  },
  {
    flaw: "it settles under the late owner's token",
    caughtBy: "a late owner changes nothing",
    break: (store) => ({
      async resolve(request) {
        const { settlement } = request;
        const found = await store.inspect(request);
        if (settlement.as !== "done" || found?.state !== "abandoned") return store.resolve(request);
        return store.complete({ ...request, ...settlement, owner: found.record.owner });
      },
    }),
  },
  {
    flaw: "it lists in the order of creation",
    caughtBy: "records are listed in the order of scope and key",
    break: (store) => ({
      list: async (request) => (await store.list(request)).toSorted((a, b) => b.key.localeCompare(a.key)),
    }),
  },
  {
    flaw: "it lists abandoned records as running",
    caughtBy: "records are listed in the order of scope and key",
    break: (store) => ({
      list: async (request) =>
        (await store.list(request)).map((found) => (found.state === "done" ? found : { ...found, state: "running" })),
    }),
  },
  {
    flaw: "its lists of sizes have the results",
    caughtBy: "a list of sizes has records without results",
    break: (store) => ({ list: (request) => store.list({ ...request, content: "whole" }) }),
  },
  {
    flaw: "it lists without bounds",
    caughtBy: "a list has at most 100 records",
    break: (store) => ({ list: (request) => store.list({ limit: 1000, ...request }) }),
  },
  {
    flaw: "it takes any limit",
    caughtBy: "a list has at most 100 records",
    break: (store) => ({
      list: async (request) =>
        request.limit && request.limit >= 1 && request.limit <= 1000 ? store.list(request) : [],
    }),
  },
  {
    flaw: "it purges more than its limit",
    caughtBy: "expired records are purged",
    break: (store) => ({ purge: () => store.purge({ limit: 1000 }) }),
  },
  {
    flaw: "it purges every scope where one is named",
    caughtBy: "expired records of one scope are purged",
    break: (store) => ({ purge: ({ limit }) => store.purge({ limit }) }),
  },
  {
    flaw: "it purges nothing",
    caughtBy: "expired records are purged",
    break: () => ({ purge: async () => 0 }),
  },
  {
    flaw: "it counts what it looked at as purged",
    caughtBy: "a purge of nothing",
    break: (store) => ({
      purge: async (request) => (await store.purge(request)) || (await store.list({})).length,
    }),
  },
  {
    flaw: "it forgets who settled a record",
    caughtBy: "who settled a record as done, and when, is stored",
    break: (store) => ({
      async resolve(request) {
        const { settlement } = request;
        return store.resolve(
          settlement.as === "done" ? { ...request, settlement: { ...settlement, note: undefined } } : request,
        );
      },
    }),
  },
  {
    flaw: "it forgets when a record was settled",
    caughtBy: "who settled a record as done, and when, is stored",
    break: (store) => ({
      async inspect(name) {
        const found = await store.inspect(name);
        return found && { ...found, record: { ...found.record, settledAt: found.record.createdAt } };
      },
    }),
  },
  {
    flaw: "it purges what is abandoned",
    caughtBy: "a record without a result is stored however short its retention is",
    break: (store) => ({
      async purge({ limit }) {
        const settlement = { as: "not-executed" } as const;
        for (const found of await store.list({ state: "abandoned" })) await store.resolve({ ...found, settlement });
        return store.purge({ limit });
      },
    }),
  },
];
