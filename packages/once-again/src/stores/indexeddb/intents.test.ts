import { forceCloseDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { answer } from "../../../../../test/support/scripted-server.ts";
import { intentsBench } from "../../../../../test/support/intents-bench.ts";
import { fakeClock, intentContract } from "../../../../testing/src/index.ts";
import { onceMutation, openIntents } from "../../intents/index.ts";
import { memoryIntents } from "../memory/index.ts";
import type { IndexedDbEvent } from "./connection.ts";
import { indexeddbIntents, resumeOn } from "./index.ts";
import type { IndexedDbOptions } from "./intents.ts";

const request = { method: "POST", url: "http://shop.example/orders", headers: [], body: undefined };
const addition = { id: "a", key: "k", fingerprint: "f", request, giveUpAfterMs: 3_600_000, openMax: 10 };

let indexedDB: InstanceType<typeof IDBFactory>;

beforeEach(() => {
  indexedDB = new IDBFactory();
  vi.stubGlobal("IDBKeyRange", IDBKeyRange);
});
afterEach(() => vi.unstubAllGlobals());

function opened(options: IndexedDbOptions = {}) {
  const store = indexeddbIntents({ indexedDB, ...options });
  onTestFinished(() => store.close());
  return store;
}

describe("the contract", () => {
  const clock = fakeClock(1_700_000_000_000);
  const exact = intentContract({ open: (name) => indexeddbIntents({ name, indexedDB, clock }), clock });
  test.for(exact)("by a clock that a test moves: $name", ({ run }) => run());

  const real = intentContract({ open: (name) => indexeddbIntents({ name, indexedDB }) });
  test.for(real)("by the machine's clock: $name", ({ run }) => run());
});

describe("a wrong use gets a clear error", () => {
  test.for<[string, IndexedDbOptions]>([
    ["name", { name: "" }],
    ["name", { name: 7 as never }],
    ["whenOffline", { whenOffline: "wait" as never }],
    ["onEvent", { onEvent: "log" as never }],
    ["askToPersist", { askToPersist: "no" as never }],
    ["name", { nane: "shop" } as never],
  ])("%s: %o", ([option, options]) => {
    expect(() => indexeddbIntents(options)).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(option) as string }),
    );
  });

  test("a server has no IndexedDB: making the store is fine there, using it is not", async () => {
    const intents = openIntents({ store: indexeddbIntents() });
    onTestFinished(() => intents.close());
    await expect(intents.list()).rejects.toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringMatching(/no IndexedDB here/) as string,
    });
  });

  test("a database of another program is left alone", async () => {
    await new Promise((resolve) => (indexedDB.open("shop", 1).onsuccess = resolve));
    await expect(opened({ name: "shop" }).list({})).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  });

  test("a store that was closed", async () => {
    const store = opened();
    await store.add(addition);
    await store.close();
    await expect(store.inspect("a")).rejects.toMatchObject({ code: "ONCE_CLOSED" });
    expect(await opened().inspect("a")).toMatchObject({ state: "pending" });
  });
});

describe("a browser that does not open the database", () => {
  /** One that answers the first `silent` requests when it is asked to, and the others at once. */
  function silentFactory(silent: number) {
    const answers: (() => void)[] = [];
    const closed: string[] = [];
    const open = (name: string, version?: number): object => {
      const request = indexedDB.open(name, version);
      request.addEventListener("success", () => {
        const { result } = request;
        const close = result.close.bind(result);
        result.close = () => {
          closed.push(name);
          close();
        };
      });
      if (silent-- <= 0) return request;
      const events: [string, () => void][] = [];
      const isThere = new Promise((resolve) => request.addEventListener("success", resolve));
      answers.push(
        () => void isThere.then(() => events.forEach(([type, listener]) => type === "success" && listener())),
      );
      return {
        get result() {
          return request.result;
        },
        addEventListener(type: string, listener: () => void) {
          if (type === "upgradeneeded") request.addEventListener(type, listener);
          else events.push([type, listener]);
        },
      };
    };
    return { factory: { open }, answers, closed };
  }

  test("is said so after 4 s, and the next call asks it anew; its late answer is closed", async () => {
    const clock = fakeClock(1_700_000_000_000);
    const { factory, answers, closed } = silentFactory(1);
    const store = opened({ indexedDB: factory, clock });
    const waiting = [store.add(addition), store.list({})].map((call) => call.catch((error: unknown) => error));
    await clock.advance(4000);
    for (const call of waiting) {
      expect(await call).toMatchObject({
        code: "ONCE_STORE_UNAVAILABLE",
        message: expect.stringContaining("has not opened its database within 4 s") as string,
      });
    }
    expect(await store.add(addition)).toMatchObject({ kind: "added" });
    answers[0]!();
    await expect.poll(() => closed).toEqual(["once-again"]);
    expect(await store.inspect("a")).toMatchObject({ state: "pending" });
  });

  test("is the reason with which a submit is refused, and nothing of it is stored or sent", async () => {
    const clock = fakeClock(1_700_000_000_000);
    const { factory } = silentFactory(2);
    const fetch = vi.fn<typeof globalThis.fetch>();
    const intents = openIntents({ store: opened({ indexedDB: factory, clock }), clock, fetch });
    onTestFinished(() => intents.close());
    const refused = intents.submit("a", { url: request.url, body: "tea" }).catch((error: unknown) => error);
    await clock.advance(4000);
    await clock.advance(20);
    await clock.advance(4000);
    expect(await refused).toMatchObject({ message: expect.stringContaining("within 4 s") as string });
    expect([await intents.list(), fetch.mock.calls]).toEqual([[], []]);
  });
});

test("a database that the browser closed is opened again, and said to be removed only where it is empty then", async () => {
  const databases: Parameters<typeof forceCloseDatabase>[0][] = [];
  const open = (name: string, version?: number): object => {
    const request = indexedDB.open(name, version);
    request.addEventListener("success", () => databases.push(request.result));
    return request;
  };
  const events: IndexedDbEvent[] = [];
  const store = opened({ indexedDB: { open }, onEvent: (event) => events.push(event) });
  await store.add(addition);
  // Its disk failed.
  forceCloseDatabase(databases[0]);
  expect([await store.inspect("a"), events]).toMatchObject([{ state: "pending" }, []]);
  // The user cleared the site's data.
  forceCloseDatabase(databases[1]);
  await new Promise((resolve) => (indexedDB.deleteDatabase("once-again").onsuccess = resolve));
  expect([await store.inspect("a"), events]).toEqual([undefined, [{ type: "removed" }]]);
});

test("a clock that is set back delays nothing: the store's time goes on", async () => {
  let aheadMs = 0;
  const clock = { ...fakeClock(1_700_000_000_000), now: () => 1_700_000_000_000 + aheadMs };
  const store = opened({ clock });
  await store.add(addition);
  await store.claim({ owner: "one", leaseMs: 30_000, limit: 1 });
  aheadMs -= 24 * 3_600_000;
  expect(await opened({ clock }).claim({ owner: "two", leaseMs: 30_000, limit: 1 })).toMatchObject({ nextMs: 30_000 });
  await store.renew({ id: "a", owner: "one", leaseMs: 20_000 });
  aheadMs += 20_001;
  const { intents } = await opened({ clock }).claim({ owner: "two", leaseMs: 30_000, limit: 1 });
  expect(intents).toMatchObject([{ id: "a", inDoubt: true, msLeft: 3_600_000 - 20_001 }]);
});

test("the browser is asked once to keep this site's data, and a refusal is an event", async () => {
  let asked = 0;
  vi.stubGlobal("navigator", { storage: { persist: async () => (asked += 1) > 99 } });
  const events: IndexedDbEvent[] = [];
  const store = opened({ onEvent: (event) => events.push(event) });
  await Promise.all([store.list({}), store.list({}), store.inspect("a")]);
  await opened({ askToPersist: false }).list({});
  await expect.poll(() => events).toEqual([{ type: "evictable" }]);
  expect(asked).toBe(1);
});

test("while the browser is offline nothing is claimed, unless servers are near", async () => {
  vi.stubGlobal("navigator", { onLine: false });
  const store = opened();
  await store.add(addition);
  const held = await store.claim({ owner: "one", leaseMs: 1000, limit: 1 });
  expect(held).toEqual({ intents: [], nextMs: 1000 });
  const near = opened({ whenOffline: "send" });
  expect((await near.claim({ owner: "one", leaseMs: 1000, limit: 1 })).intents).toHaveLength(1);
  // An owner can give back the intents that it has.
  expect((await store.claim({ owner: "one", leaseMs: 1000, limit: 0 })).intents).toMatchObject([
    { id: "a", claims: 1 },
  ]);
});

test("a tab that ended all it had is not taken for dead with what it claims next", async () => {
  const held = new Set<string>();
  let duringQuery = async (): Promise<void> => undefined;
  const locks = {
    async request(name: string, hold: () => Promise<unknown>) {
      held.add(name);
      await hold();
      held.delete(name);
    },
    async query() {
      const work = duringQuery;
      duringQuery = async () => undefined;
      await work();
      return { held: seen };
    },
  };
  let seen: { name: string }[] = [];
  vi.stubGlobal("navigator", { locks });
  const [one, other] = [opened(), opened()];
  await one.add(addition);
  const claim = { leaseMs: 30_000, limit: 1 };
  expect((await one.claim({ ...claim, owner: "one" })).intents).toMatchObject([{ id: "a" }]);
  duringQuery = async () => {
    await one.end({ id: "a", owner: "one", outcome: { state: "failed", why: "time" }, retentionMs: 60_000 });
    seen = [...held].map((name) => ({ name }));
    expect(seen).toEqual([]);
    await one.add({ ...addition, id: "b" });
    expect((await one.claim({ ...claim, owner: "two" })).intents).toMatchObject([{ id: "b", inDoubt: false }]);
  };
  expect(await other.claim({ ...claim, owner: "three" })).toMatchObject({ intents: [] });
  expect(await one.renew({ id: "b", owner: "two", leaseMs: 30_000 })).toBe(true);
});

test("an order that is submitted through it is sent once, with secrets that it never stores", async () => {
  const { server, order } = await intentsBench();
  const store = opened();
  const intents = openIntents({ store, keys: true, headersAtSend: () => ({ authorization: "Bearer secret" }) });
  onTestFinished(() => intents.close());
  server.script.push(answer(201, {}, "made"));
  const outcomes = await Promise.all([intents.submit("order-1", order()), intents.submit("order-1", order())]);
  expect(outcomes).toMatchObject([{ state: "done" }, { state: "done" }]);
  expect(server.received.map(({ authorization }) => authorization)).toEqual(["Bearer secret"]);
  expect(JSON.stringify(await store.list({}))).not.toContain("secret");
});

describe("a browser that refuses this site's data", () => {
  const refuse = (name: string) => ({
    open() {
      throw new DOMException("The operation is insecure.", name);
    },
  });

  test("has the fallback go on in memory, which is said by an event and by `durability`", async () => {
    const { server, order } = await intentsBench();
    server.script.push(answer(201, {}, "made"));
    const events: IndexedDbEvent[] = [];
    const onEvent = (event: IndexedDbEvent): void => void events.push(event);
    const store = opened({ indexedDB: refuse("SecurityError"), fallback: memoryIntents(), onEvent });
    const intents = openIntents({ store, keys: true });
    onTestFinished(() => intents.close());
    expect(intents.durability()).toBe("disk");
    const pay = onceMutation(intents, "pay 42");
    pay.subscribe(() => undefined);
    await expect.poll(() => pay.current()).toEqual({ state: "idle", durability: "memory" });
    const presses = Promise.all([pay.mutate(order()), onceMutation(intents, "pay 42").mutate(order())]);
    expect(await presses).toMatchObject([{ state: "done" }, { state: "done" }]);
    expect([intents.durability(), events]).toEqual(["memory", [{ type: "refused" }]]);
    expect(server.received).toHaveLength(1);
  });

  test("has each call rejected without one", async () => {
    const { order } = await intentsBench();
    const intents = openIntents({ store: opened({ indexedDB: refuse("SecurityError") }), keys: true });
    onTestFinished(() => intents.close());
    const pay = onceMutation(intents, "pay 42");
    await expect(pay.mutate(order())).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    expect(pay.current()).toMatchObject({ state: "idle", error: { code: "ONCE_STORE_UNAVAILABLE" } });
  });

  test.for(["UnknownError", "VersionError", "QuotaExceededError"])(
    "is not one that fails with %s: its database may hold what was sent before",
    async (name) => {
      const store = opened({ indexedDB: refuse(name), fallback: memoryIntents() });
      await expect(store.add(addition)).rejects.toMatchObject({ code: expect.stringMatching(/^ONCE_/) as string });
      expect(store.durability?.()).toBe("disk");
    },
  );

  test("is not a server, which has no IndexedDB", async () => {
    const store = indexeddbIntents({ fallback: memoryIntents() });
    await expect(store.list({})).rejects.toMatchObject({
      message: expect.stringMatching(/no IndexedDB here/) as string,
    });
  });
});

test("a database that is open and does not answer for 4 s is said to be silent, once, until it answers", async () => {
  const clock = fakeClock(1_700_000_000_000);
  const events: IndexedDbEvent[] = [];
  const store = opened({ clock, onEvent: (event) => events.push(event) });
  await store.list({});
  // A transaction of another page that does not end holds up all of ours.
  const database = await new Promise<IDBDatabaseLike>((resolve) => {
    const opening = indexedDB.open("once-again", 1);
    opening.onsuccess = () => resolve(opening.result);
  });
  const held = database.transaction(["intents", "clock"], "readwrite");
  let isHeld = true;
  const hold = (): void => {
    if (isHeld) held.objectStore("clock").get("time").onsuccess = hold;
  };
  hold();
  const waiting = [store.add(addition), store.list({})];
  await vi.waitFor(async () => {
    await clock.advance(4000);
    expect(events).toEqual([{ type: "silent" }]);
  });
  await clock.advance(10_000);
  isHeld = false;
  await Promise.all(waiting);
  expect(events).toEqual([{ type: "silent" }]);
  database.close();
});

interface IDBDatabaseLike {
  transaction(
    stores: readonly string[],
    mode: string,
  ): { objectStore(name: string): { get(key: string): { onsuccess: unknown } } };
  close(): void;
}

describe("resumeOn", () => {
  test("asks for a sync when an intent is added or held offline, and not otherwise", async () => {
    let tags: string[] = [];
    const sync = { register: async (tag: string) => void tags.push(tag) };
    const navigator = { onLine: true, serviceWorker: { ready: Promise.resolve({ sync }) } };
    vi.stubGlobal("navigator", navigator);
    const window = new EventTarget();
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    const intents = openIntents({ store: opened(), keys: true, fetch: () => new Promise(() => undefined) });
    onTestFinished(() => intents.close());
    resumeOn(intents, ["sync"]);
    await intents.add("one", { url: request.url });
    expect(tags).toEqual([]);
    navigator.onLine = false;
    window.dispatchEvent(new Event("offline"));
    await expect.poll(() => tags).toEqual(["once-again"]);
    tags = [];
    await intents.add("two", { url: request.url });
    await expect.poll(() => tags).toEqual(["once-again"]);
    tags = [];
    // A page that is opened without a network, with what an earlier life left.
    resumeOn(intents, ["sync"]);
    await expect.poll(() => tags).toEqual(["once-again"]);
  });

  test("goes on now and on each occasion, until it is ended", () => {
    const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
    const window = new EventTarget();
    vi.stubGlobal("document", document);
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    let resumed = 0;
    const intents = {
      resume: async () => void (resumed += 1),
      watch: () => () => undefined,
      list: async () => [],
    };
    const stop = resumeOn(intents);
    expect(resumed).toBe(1);
    document.dispatchEvent(new Event("visibilitychange"));
    expect(resumed).toBe(1);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(new Event("online"));
    expect(resumed).toBe(3);
    stop();
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(new Event("online"));
    expect(resumed).toBe(3);
  });

  test("refuses an occasion that it does not know", () => {
    expect(() => resumeOn(openIntents({ store: opened() }), ["focus" as never])).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID" }),
    );
  });
});
