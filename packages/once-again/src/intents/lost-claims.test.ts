import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { answer, hang } from "../../../../test/support/scripted-server.ts";
import type { ClaimedIntents, ClaimIntentsRequest, IntentStore } from "../stores/intent-store.ts";

// A claim that the store executes, and that gets no answer. No server here is known to honour keys: an intent that came into
// doubt would end as unknown.

const unknownServer = { keys: [] as string[], leaseMs: 60_000 };

/** Answers each call of a claim in another way; those after the last answer as the store does. */
function scriptClaims(
  store: IntentStore,
  script: ((claim: () => Promise<ClaimedIntents>) => Promise<ClaimedIntents>)[],
): ClaimIntentsRequest[] {
  const { claim } = store;
  const requests: ClaimIntentsRequest[] = [];
  store.claim = (request) => {
    requests.push(request);
    const next = script.shift();
    return next === undefined ? claim(request) : next(() => claim(request));
  };
  return requests;
}

/** The store executes it, and its answer is lost. */
const lost = async (claim: () => Promise<ClaimedIntents>): Promise<never> => {
  await claim();
  throw new Error("no answer");
};

test("a claim is asked again until it is answered, and leaves no doubt, however often its answer is lost", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents, store, events } = opened(unknownServer);
  const requests = scriptClaims(store, [lost, lost, lost, lost, lost]);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  expect(await intents.inspect("a")).toMatchObject({ state: "done", claims: 1 });
  expect(server.received).toHaveLength(1);
  expect(new Set(requests.slice(0, 6).map(({ owner }) => owner)).size).toBe(1);
  expect(requests[6]?.owner).not.toBe(requests[0]!.owner);
  expect(events.filter(({ type }) => type === "sending")).toMatchObject([{ claim: 1, inDoubt: false }]);
});

test("a claim that is answered only after its lease leaves no doubt, unless another process came first", async () => {
  const { server, opened, openedStore, order } = await intentsBench();
  const leaseMs = 1500;
  const late = async (claim: () => Promise<ClaimedIntents>): Promise<never> => {
    await lost(claim).catch(() => undefined);
    await setTimeout(leaseMs + 50);
    throw new Error("no answer");
  };
  const { intents, store } = opened({ ...unknownServer, leaseMs });
  scriptClaims(store, [late]);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  const other = openedStore();
  scriptClaims(store, [
    async (claim) => {
      await late(claim).catch(() => undefined);
      // Another process takes it over, and dies.
      expect((await other.claim({ owner: "other", leaseMs: 100, limit: 1 })).intents).toMatchObject([
        { inDoubt: true },
      ]);
      throw new Error("no answer");
    },
  ]);
  expect(await intents.submit("b", order())).toMatchObject({ state: "unknown", why: "keys" });
  expect(server.received).toHaveLength(1);
});

test("who is closed before the answer gives back what the claim took, and nothing more is claimed", async () => {
  const { server, opened, openedStore, order } = await intentsBench();
  const { intents, store } = opened({ ...unknownServer, pollMs: 60_000 });
  const isLost = Promise.withResolvers<void>();
  const loseUnlessNone = async (claim: () => Promise<ClaimedIntents>): Promise<ClaimedIntents> => {
    const claimed = await claim();
    if (requests.at(-1)!.limit === 0) return claimed;
    isLost.resolve();
    throw new Error("no answer");
  };
  const requests = scriptClaims(store, Array<typeof loseUnlessNone>(20).fill(loseUnlessNone));
  await intents.add("a", order());
  await isLost.promise;
  await openedStore().add({ ...(await intents.inspect("a"))!, id: "b", giveUpAfterMs: 60_000, openMax: 10 });
  expect(await store.inspect("a")).toMatchObject({ claims: 1 });
  await intents.close();
  expect(new Set(requests.map(({ owner }) => owner)).size).toBe(1);
  expect(requests.at(-1)).toMatchObject({ limit: 0 });
  expect(await store.inspect("a")).toMatchObject({ state: "pending", claims: 1, leaseUntil: 0, inDoubt: false });
  expect(await store.inspect("b")).toMatchObject({ state: "pending", claims: 0, leaseUntil: 0 });
  expect(server.received).toEqual([]);
  const next = opened(unknownServer);
  await next.intents.resume();
  expect(await next.intents.list({ state: "done" })).toHaveLength(2);
  expect(server.received).toHaveLength(2);
});

test("a claim that was given up and is answered late: its intents are sent if it is the first answer", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents, store } = opened({ ...unknownServer, storeMsMax: 250 });
  const asked = Promise.withResolvers<void>();
  scriptClaims(store, [
    async (claim) => {
      const claimed = await claim();
      await asked.promise;
      return claimed;
    },
    async () => {
      asked.resolve();
      // This one is never answered.
      return new Promise(() => undefined);
    },
  ]);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  expect(server.received).toHaveLength(1);
});

test("a claim that was given up and is executed after it was asked again: what else it took is given back", async () => {
  const { server, opened, order } = await intentsBench();
  const options = { ...unknownServer, storeMsMax: 250, concurrency: 1, concurrencyPerOrigin: 1 };
  const { intents, store, events } = opened(options);
  const executed = Promise.withResolvers<void>();
  const execute = Promise.withResolvers<void>();
  const requests = scriptClaims(store, [
    async (claim) => {
      await execute.promise;
      const claimed = await claim();
      expect(claimed.intents).toMatchObject([{ id: "b", claims: 1 }]);
      executed.resolve();
      return claimed;
    },
  ]);
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  server.script.push(hang);
  const hanging = intents.submit("c", order()).catch((error: unknown) => error);
  while (server.received.length < 2) await setTimeout(5);
  await intents.add("b", order());
  execute.resolve();
  await executed.promise;
  expect(requests[1]?.owner).toBe(requests[0]!.owner);
  await expect
    .poll(() => store.inspect("b"))
    .toMatchObject({ state: "pending", leaseUntil: 0, inDoubt: false, claims: 1 });
  expect(events.flatMap((event) => ("id" in event && event.id === "b" ? [event.type] : []))).toEqual([
    "added",
    "postponed",
  ]);
  expect([server.received.length, server.concurrencyMax()]).toEqual([2, 1]);
  await intents.close();
  await hanging;
});

test("an answer that comes late does not give back what an earlier one has sent", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents, store, events } = opened({ ...unknownServer, storeMsMax: 250 });
  const arrive = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  scriptClaims(store, [
    async (claim) => {
      const claimed = await claim();
      await arrive.promise;
      arrived.resolve();
      return claimed;
    },
  ]);
  server.script.push(async (response, request) => {
    arrive.resolve();
    await arrived.promise;
    await setTimeout(50);
    await answer(201)(response, request);
  });
  expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
  expect(events.map(({ type }) => type)).not.toContain("postponed");
  expect(server.received).toHaveLength(1);
});
