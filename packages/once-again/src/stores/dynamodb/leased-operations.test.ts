import { DeleteItemCommand, type DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { awsProxy, type AwsProxy, shiftDate } from "../../../../../test/support/servers/aws-proxy.ts";
import { createTable, dynamodbClient, exactTime } from "../../../../../test/support/dynamodb/tables.ts";
import { type OpenWay, ways } from "../../../../../test/support/dynamodb/ways.ts";
import { startDynalite } from "../../../../../test/support/servers/dynalite.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import type { ClaimRequest } from "../store.ts";
import { itemKey } from "./record-format.ts";
import { dynamodbStore } from "./client.ts";
import { type DynamodbStore, openStore } from "./store.ts";
import { waitMsMax } from "../../../../../test/support/wait-ms-max.ts";

const table = "once";
const result = Uint8Array.of(1, 2);
const hourMs = 3_600_000;

describe.each(ways)("$way", (way) => {
  let server: Awaited<ReturnType<typeof startDynalite>>;
  let proxy: AwsProxy;
  let client: DynamoDBClient;
  let near: OpenWay;
  const storeOf = (prefix: string, requestMsMax = waitMsMax) => near.store({ table, prefix, requestMsMax });

  beforeAll(async () => {
    server = await startDynalite();
    const direct = dynamodbClient(server.url);
    await createTable(direct, table);
    direct.destroy();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    proxy = await awsProxy(server.url);
    client = dynamodbClient(proxy.url);
    near = way.open(proxy.url);
  });
  afterEach(async () => {
    client.destroy();
    near.destroy();
    await proxy[Symbol.asyncDispose]();
  });

  async function itemOf(prefix: string, key: string) {
    const Key = { pk: { S: itemKey(prefix, longClaim(key)) } };
    return (await client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
  }

  test("a first claim, a completion and a release are one request each, after one read in the life of a process", async () => {
    const store = storeOf("trips");
    const first = longClaim("first");
    await store.claim(first);
    expect(proxy.operations.splice(0)).toEqual(["GetItem", "PutItem"]);
    const second = longClaim("second");
    await store.claim(second);
    await store.renew({ ...second, leaseMs: hourMs });
    await store.checkpoint({ ...second, step: "s", result });
    await store.complete({ ...second, result });
    expect(proxy.operations.splice(0)).toEqual(["PutItem", "UpdateItem", "UpdateItem", "UpdateItem"]);
    await store.release(first);
    expect(proxy.operations).toEqual(["UpdateItem"]);
  });

  test("a repeat is a read where its process knows that the key is taken, and a refused write elsewhere", async () => {
    const [store, elsewhere] = [storeOf("repeats"), storeOf("repeats")];
    await elsewhere.inspect(longClaim("any"));
    const claim = longClaim("k");
    await store.claim(claim);
    await store.complete({ ...claim, result });
    proxy.operations.splice(0);
    const done = { kind: "done", result };
    expect(await store.claim(longClaim("k"))).toEqual(done);
    expect(proxy.operations.splice(0)).toEqual(["GetItem"]);
    for (const sent of ["PutItem", "GetItem"]) {
      expect(await elsewhere.claim(longClaim("k"))).toEqual(done);
      expect(proxy.operations.splice(0).slice(0, 1)).toEqual([sent]);
    }
  });

  test("what a process knows of a key decides nothing: one that is free by now is claimed", async () => {
    const store = storeOf("freed");
    const claim = longClaim("k", { fingerprint: "one" });
    await store.claim(claim);
    await store.complete({ ...claim, result, retentionMs: 60_000 });
    expect((await store.claim(longClaim("k", { fingerprint: "other" }))).kind).toBe("mismatch");
    const Key = { pk: { S: itemKey("freed", claim) } };
    await client.send(new DeleteItemCommand({ TableName: table, Key }));
    const again = longClaim("k", { fingerprint: "other" });
    proxy.operations.splice(0);
    expect(await store.claim(again)).toMatchObject({ kind: "acquired", attempt: 1, abandoned: false });
    expect(proxy.operations.splice(0)).toEqual(["GetItem", "PutItem"]);
    // Another has written under a key that this process took for free.
    expect(await storeOf("freed").claim(longClaim("k", { fingerprint: "other" }))).toMatchObject({
      kind: "in-progress",
    });
    expect(await store.release(again)).toBe(true);
    expect((await store.claim(longClaim("k"))).kind).toBe("acquired");
  });

  test("while it is unknown whether an operation happened, nothing removes its record; a result has its time", async () => {
    const store = storeOf("ttl");
    const held = longClaim("held");
    await store.claim(held);
    await store.renew({ ...held, leaseMs: 0 });
    expect(await itemOf("ttl", "held")).not.toHaveProperty("ttl");
    const brief = longClaim("brief", { heldRetentionMs: 1000 });
    await store.claim(brief);
    const before = Number((await itemOf("ttl", "brief"))?.["ttl"]?.N);
    await store.renew({ ...brief, leaseMs: 2 * hourMs });
    // It is never removed under its owner.
    expect(Number((await itemOf("ttl", "brief"))?.["ttl"]?.N) - before).toBeGreaterThan(hourMs / 1000);
    await store.complete({ ...held, result, retentionMs: 60_000 });
    const ttl = Number((await itemOf("ttl", "held"))?.["ttl"]?.N);
    expect(Math.abs(ttl - Date.now() / 1000 - 1020)).toBeLessThan(10);
  });

  /** Holds one request up until it is to arrive. @param nth which of its operation, from now on. */
  function holdUp(held: string, nth = 1) {
    const came = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    let asked = 0;
    proxy.hold = (operation) => {
      if (operation !== held || (asked += 1) !== nth) return undefined;
      came.resolve();
      return go.promise;
    };
    return {
      came: came.promise,
      async arrive(): Promise<void> {
        const executed = Promise.withResolvers<void>();
        proxy.loses = () => {
          executed.resolve();
          return false;
        };
        go.resolve();
        await executed.promise;
      },
    };
  }

  describe("a claim that arrives after its owner gave the key back does not take it", () => {
    interface Case {
      readonly where: string;
      /** The acts of the key's owner before: before the claim, and after it was given up. */
      before?(store: DynamodbStore, other: ClaimRequest): Promise<unknown>;
      after?(store: DynamodbStore, other: ClaimRequest): Promise<unknown>;
      /** How much later the claim is sent, milliseconds; and which of its writes is held up. */
      readonly laterMs: number;
      readonly nth: number;
      /** Whether that owner was in the same process, which reads first then. */
      readonly isHere?: true;
    }
    const claimAndRelease: Case["before"] = async (store, other) => {
      await store.claim(other);
      await store.release(other);
    };
    const claimAndComplete: Case["before"] = async (store, other) => {
      await store.claim(other);
      await store.complete({ ...other, result, retentionMs: 10 });
    };
    const cases: readonly Case[] = [
      { where: "there was no record", laterMs: 1000, nth: 1 },
      { where: "another had given it back long before", before: claimAndRelease, laterMs: 1000, nth: 1 },
      { where: "another had just given it back", before: claimAndRelease, laterMs: 0, nth: 2 },
      {
        where: "another had it, and gives it back later",
        before: (store, other) => store.claim(other),
        after: (store, other) => store.release(other),
        laterMs: 1000,
        nth: 1,
      },
      { where: "a result had expired", before: claimAndComplete, laterMs: 1000, nth: 2 },
      { where: "a result of this process had expired", before: claimAndComplete, laterMs: 1000, nth: 1, isHere: true },
    ];
    test.for(cases)("where $where", async ({ where, before, after, laterMs, nth, isHere }) => {
      const clock = fakeClock(1_700_000_000_000);
      const options = { table, prefix: where.replaceAll(/\W/g, "-"), requestMsMax: waitMsMax };
      const waits = fakeClock();
      const open = () => openStore(near.transport, options, waits, exactTime(clock));
      const store = open();
      const itsStore = isHere ? store : open();
      const other = longClaim("k");
      await before?.(itsStore, other);
      await clock.advance(laterMs);
      const late = longClaim("k");
      const held = holdUp("PutItem", nth);
      const claiming = store.claim(late);
      const releasing = store.release(late);
      const giveUp = async (): Promise<void> => {
        await held.came;
        await waits.advance(waitMsMax);
      };
      await Promise.all([giveUp(), expect(claiming).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" })]);
      expect(await releasing).toBe(false);
      await clock.advance(1000);
      await after?.(itsStore, other);
      await held.arrive();
      const [one, next] = [await store.claim(longClaim("k")), await store.claim(longClaim("k"))];
      expect([one.kind, next.kind]).toEqual(["acquired", "in-progress"]);
    });
  });

  test("a reader with an earlier time takes no living claim over, and one wrong answer is not believed", async () => {
    const owner = storeOf("slow");
    const claim = longClaim("k", { leaseMs: 60_000 });
    await owner.claim(claim);
    const takeOver = (store = storeOf("slow")) =>
      store.claim(longClaim("k", { owner: crypto.randomUUID(), takeOverAfterMs: 0 }));
    proxy.date = shiftDate(-hourMs);
    expect((await takeOver()).kind).toBe("in-progress");
    proxy.date = (date) => date;
    const reader = storeOf("slow");
    await reader.inspect(claim);
    let wrong = 1;
    proxy.date = (date) => (wrong-- > 0 ? shiftDate(hourMs)(date) : date);
    for (let time = 0; time < 3; time += 1) expect((await takeOver(reader)).kind).toBe("in-progress");
    expect(await owner.complete({ ...claim, result })).toBe(true);
  });

  test("a host that slept stamps its lease and its result anew", async () => {
    const store = storeOf("slept");
    await store.inspect(longClaim("any"));
    // To this process it is an hour earlier than to all others.
    proxy.date = shiftDate(hourMs);
    const claim = longClaim("k", { leaseMs: 60_000 });
    expect((await store.claim(claim)).kind).toBe("acquired");
    const other = storeOf("slept");
    expect((await other.claim(longClaim("k", { owner: "other", takeOverAfterMs: 0 }))).kind).toBe("in-progress");
    proxy.date = shiftDate(2 * hourMs);
    expect(await store.complete({ ...claim, result, retentionMs: 60_000 })).toBe(true);
    const reader = storeOf("slept");
    expect(await reader.claim(longClaim("k"))).toEqual({ kind: "done", result });
  });

  test("a person's decision from a host that slept while it was written keeps its result for its whole time", async () => {
    const store = storeOf("decided");
    const claim = longClaim("k", { leaseMs: 0 });
    await store.claim(claim);
    proxy.hold = async (operation) => {
      if (operation === "PutItem") proxy.date = shiftDate(hourMs);
    };
    const settlement = { as: "done", result, retentionMs: 60_000 } as const;
    expect(await store.resolve({ ...claim, settlement })).toBe(true);
    expect(await storeOf("decided").claim(longClaim("k"))).toEqual({ kind: "done", result });
    expect(await store.resolve({ ...claim, settlement })).toBe(false);
  });

  test("a host that slept stamps all that it had on its way anew, also what others of its answers have corrected", async () => {
    const store = storeOf("woke");
    await store.inspect(longClaim("any"));
    const claims = Array.from({ length: 6 }, (_, index) => longClaim(`k${index}`, { leaseMs: 60_000 }));
    /** Holds all requests of an operation up until the last one came. */
    const together = (held: string): void => {
      const all = Promise.withResolvers<void>();
      let came = 0;
      proxy.hold = (operation) => {
        if (operation !== held) return undefined;
        came += 1;
        if (came === claims.length) all.resolve();
        return all.promise;
      };
    };
    const takeOver = async () => {
      proxy.hold = () => undefined;
      const reader = storeOf("woke");
      const answers = claims.map((claim) => reader.claim({ ...claim, owner: "reader", takeOverAfterMs: 0 }));
      return (await Promise.all(answers)).map(({ kind }) => kind);
    };
    proxy.date = shiftDate(hourMs);
    together("PutItem");
    await Promise.all(claims.map((claim) => store.claim(claim)));
    expect(await takeOver()).toEqual(claims.map(() => "in-progress"));
    proxy.date = shiftDate(2 * hourMs);
    together("UpdateItem");
    await Promise.all(claims.map((claim) => store.renew({ ...claim, leaseMs: 60_000 })));
    expect(await takeOver()).toEqual(claims.map(() => "in-progress"));
    proxy.date = shiftDate(3 * hourMs);
    together("UpdateItem");
    await Promise.all(claims.map((claim) => store.complete({ ...claim, result, retentionMs: 60_000 })));
    expect(await takeOver()).toEqual(claims.map(() => "done"));
  });

  test("a completion of a host that slept has its whole time when the client repeats it after a lost answer", async () => {
    const repeating = way.open(proxy.url, 3);
    const store = repeating.store({ table, prefix: "repeated", requestMsMax: waitMsMax });
    const claim = longClaim("k");
    // The answer to the claim is lost, too: the record that is there is its own.
    let lost = 1;
    proxy.loses = (operation) => operation === "PutItem" && lost-- > 0;
    expect(await store.claim(claim)).toMatchObject({ kind: "acquired", attempt: 1, abandoned: false });
    proxy.date = shiftDate(hourMs);
    lost = 1;
    proxy.loses = (operation) => operation === "UpdateItem" && lost-- > 0;
    expect(await store.complete({ ...claim, result, retentionMs: 60_000 })).toBe(true);
    repeating.destroy();
    expect((await storeOf("repeated").claim(longClaim("k"))).kind).toBe("done");
  });

  test("a write that meets a transaction on its item is sent again, a few times", async () => {
    const store = storeOf("meetings");
    const claim = longClaim("k");
    let meetings = 2;
    proxy.refuses = () => (meetings-- > 0 ? "TransactionConflictException" : undefined);
    expect((await store.claim(claim)).kind).toBe("acquired");
    meetings = 2;
    expect(await store.complete({ ...claim, result })).toBe(true);
    meetings = 100;
    await expect(store.claim(longClaim("other"))).rejects.toMatchObject({ name: "TransactionConflictException" });
    expect(meetings).toBe(92);
  });

  test("answers without a date are refused with what to do, and a date that comes twice is one", async () => {
    proxy.date = () => undefined;
    await expect(storeOf("undated").claim(longClaim("k"))).rejects.toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringContaining("Date header") as string,
    });
    proxy.date = (date) => [date, date];
    expect((await storeOf("twice").claim(longClaim("k"))).kind).toBe("acquired");
  });

  test("a step may have any name, also one that is no text of Unicode", async () => {
    const store = storeOf("steps");
    const claim = longClaim("k");
    await store.claim(claim);
    const steps = ["\ud800", "\ud801", "__proto__", "", ".", ",", "\0"];
    for (const [index, step] of steps.entries()) {
      await store.checkpoint({ ...claim, step, result: Uint8Array.of(index) });
    }
    const { checkpoints = {} } = (await store.inspect(claim))?.record ?? {};
    const stored = new Map(Object.entries(checkpoints).map(([step, bytes]) => [step, bytes[0]]));
    expect(stored).toEqual(new Map(steps.map((step, index) => [step, index])));
  });

  test("a table that is not there, or has another key, and wrong options are refused with what to do", async () => {
    const claim = () => near.store({ table: "missing" }).claim(longClaim("k"));
    await expect(claim()).rejects.toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringContaining("partition key pk") as string,
    });
    const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
    expect(() => near.store({} as never)).toThrow(invalid);
    expect(() => near.store({ table, prefix: "a/b" })).toThrow(invalid);
    expect(() => near.store({ table, requestMsMax: 0 })).toThrow(invalid);
    expect(() => near.store({ table, tabel: "x" } as never)).toThrow(invalid);
  });
});

test("a client of AWS that caches its middleware is no hindrance", async () => {
  await using server = await startDynalite();
  const caching = dynamodbClient(server.url, { cacheMiddleware: true });
  await createTable(caching, table);
  const store = dynamodbStore(caching, { table, prefix: "caching", requestMsMax: waitMsMax });
  // Its own commands fill the cache first.
  await caching.send(new GetItemCommand({ TableName: table, Key: { pk: { S: "any" } } }));
  const claim = longClaim("k");
  expect((await store.claim(claim)).kind).toBe("acquired");
  expect(await store.complete({ ...claim, result })).toBe(true);
  expect((await store.inspect(claim))?.state).toBe("done");
  caching.destroy();
});
