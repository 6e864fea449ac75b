import {
  CreateTableCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  type GlobalSecondaryIndex,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../packages/once-again/src/core/system-clock.ts";
import { type DynamodbClient, sdkTransport } from "../../packages/once-again/src/stores/dynamodb/client.ts";
import { type DynamodbOutboxOptions, openOutbox } from "../../packages/once-again/src/stores/dynamodb/outbox.ts";
import {
  dynamodbOutbox,
  dynamodbStore,
  type DynamodbTransaction,
} from "../../packages/once-again/src/stores/dynamodb/index.ts";
import type { ClaimMessagesRequest, NewMessage } from "../../packages/once-again/src/stores/outbox-store.ts";
import { serverTime } from "../../packages/once-again/src/stores/dynamodb/server-time.ts";
import { fakeClock } from "../../packages/testing/src/fake-clock.ts";
import { outboxContract } from "../../packages/testing/src/outbox-contract/outbox-contract.ts";
import { awsProxy, type AwsProxy, shiftDate } from "../support/servers/aws-proxy.ts";
import { expectAllowed, watchPermissions } from "../support/dynamodb/permissions.ts";
import { createTable, dynamodbClient, exactTime, scanAll } from "../support/dynamodb/tables.ts";
import { type OpenWay, ways } from "../support/dynamodb/ways.ts";
import { dynamodbFixture } from "../support/outbox/engines.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startDynalite } from "../support/servers/dynalite.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

const table = "messages";
const result = new Uint8Array();
const committed = { keep: "commit", result, value: undefined } as const;

describeWithServer("the outbox in DynamoDB, by moto", motoBinary, () => {
  let server: Awaited<ReturnType<typeof startMoto>>;
  let client: DynamoDBClient;
  beforeAll(async () => {
    server = await startMoto();
    client = dynamodbClient(server.url);
    await createTable(client, table);
  });
  afterAll(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });

  const clocks = {
    "by an exact clock": ({ transport }: OpenWay, options: DynamodbOutboxOptions) =>
      openOutbox(transport, options, systemClock, exactTime(systemClock)),
    "by the dates of its answers": ({ outbox }: OpenWay, options: DynamodbOutboxOptions) => outbox(options),
  };
  const dated = ways.map((way) => ({ ...way, clock: "by the dates of its answers" as const }));
  describe.each([{ ...ways[0]!, clock: "by an exact clock" as const }, ...dated])("$way, $clock", (one) => {
    let near: OpenWay;
    let needed: Set<string>;
    beforeAll(() => {
      near = one.open(server.url);
      needed = watchPermissions(near);
    });
    afterAll(() => {
      near.destroy();
      expectAllowed(needed);
    });
    // Each outbox of a test has another prefix.
    const open = (prefix: string) => {
      const options = { table, prefix: `${one.way.replaceAll(" ", "-")}-${prefix}`, requestMsMax: waitMsMax };
      return {
        ...dynamodbFixture(near.store(options), clocks[one.clock](near, options)),
        close: async () => undefined,
      };
    };
    for (const { name, run } of outboxContract({ open, lines: false })) test(name, run);
  });

  describe("beside the contract", () => {
    const prefixes = { count: 0 };
    /** An outbox with nothing in it, its store, and what the tests ask of them. */
    const shop = (through: DynamoDBClient = client, time = serverTime(systemClock)) => {
      const prefix = `shop-${(prefixes.count += 1)}`;
      const options = { table, prefix, requestMsMax: waitMsMax };
      const store = dynamodbStore(through, options);
      const outbox = openOutbox(sdkTransport(through), options, systemClock, time);
      const add = (...messages: readonly Partial<NewMessage>[]) =>
        store.transactUnkeyed(async (transaction) => {
          for (const message of messages) await outbox.add(transaction, { topic: "orders", body: "tea", ...message });
          return committed;
        });
      const claimed = async (claim: Partial<ClaimMessagesRequest> = {}): Promise<string[]> => {
        const request = { owner: crypto.randomUUID(), leaseMs: 60_000, limit: 100, messagesPerKey: 100, ...claim };
        const { batches, hasMore } = await outbox.claim(request);
        const ids = batches.flatMap(({ messages }) => messages.map(({ id }) => id));
        return hasMore ? [...ids, ...(await claimed(claim))] : ids;
      };
      return { options, prefix, store, outbox, add, claimed };
    };

    test("messages commit with a key, its effect and its answer, or not at all", async () => {
      const { store, outbox, claimed } = shop();
      const given: DynamodbTransaction[] = [];
      const request = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
      for (const keep of ["rollback", "answer-only", "commit", "commit"] as const) {
        await store.transact({ ...request, key: keep }, async (transaction) => {
          given.push(transaction);
          await outbox.add(transaction, { id: keep, topic: "orders", orderingKey: "7", body: "tea" });
          return { keep, result, value: keep };
        });
      }
      expect(await claimed()).toEqual(["commit"]);
      await expect(outbox.add(given[0]!, { topic: "orders", body: "tea" })).rejects.toMatchObject({
        code: "ONCE_OPERATION_ENDED",
      });
    });

    test("what is no transaction of a handler, and an option out of bounds, is refused", async () => {
      const { outbox, options } = shop();
      for (const given of [
        undefined,
        null,
        {},
        "messages",
        { put: () => undefined, update: () => undefined },
        client,
      ]) {
        const added = outbox.add(given as never, { topic: "orders", body: "tea" });
        await expect(added).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
      }
      for (const wrong of [{ table: "" }, { prefix: "a#b" }, { bodyBytesMax: 290_001 }, { tabel: "x" }]) {
        const open = () => dynamodbOutbox(client, { ...options, ...wrong });
        expect(open).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
      }
      for (const after of ["7".repeat(48), "x", 7]) {
        const listed = outbox.listUnconfirmed({ after: after as string });
        await expect(listed).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
      }
      // No outbox of this kind gave such positions.
      await outbox.confirm(["1", "x", ""]);
      await outbox.postpone([{ position: "1", owner: "one", delayMs: 0 }]);
    });

    test("hostile names are refused, or are names like any other", async () => {
      const { outbox, add, claimed } = shop();
      for (const wrong of ["", "x".repeat(1024), "a\0b", "\ud800", "\udc00x", null, 7, {}, ["k"]]) {
        const invalid = expect.objectContaining({ code: "ONCE_MESSAGE_INVALID" }) as object;
        await expect(add({ id: wrong as string })).rejects.toEqual(invalid);
        await expect(add({ orderingKey: wrong as string })).rejects.toEqual(invalid);
      }
      expect(await outbox.backlog()).toMatchObject({ messages: 0 });
      const ids = ["#", "__proto__", "constructor", "key/0", '"', "'", ":a", "0"];
      // Of the last two, each is the other's letter, composed and decomposed.
      const keys = [...ids, " ", "\u{10ffff}".repeat(127), "\u00e9", "e\u0301"];
      for (const orderingKey of keys) await add(...ids.map((id) => ({ id, orderingKey })));
      const request = { owner: "one", leaseMs: 60_000, limit: 100, messagesPerKey: 100 };
      const { batches } = await outbox.claim(request);
      expect(new Set(batches.map(({ orderingKey }) => orderingKey))).toEqual(new Set(keys));
      for (const { messages } of batches) expect(messages.map(({ id }) => id)).toEqual(ids);
      expect(await claimed()).toEqual([]);
    });

    test("only the parked messages of an id are decided about: no id is refused, and does not mean all", async () => {
      const { outbox, add, claimed } = shop();
      await add({ id: "1", orderingKey: "k" }, { id: "2" }, { id: "#" });
      const { batches } = await outbox.claim({ owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 });
      for (const { position } of batches.flatMap(({ messages }) => messages)) {
        await outbox.postpone([{ position, owner: "one", delayMs: 0, refusal: "no", park: "block" }]);
      }
      for (const id of [undefined, null, 7, {}, ["1"]] as unknown as string[]) {
        for (const decide of [outbox.retryParked, outbox.discardParked, outbox.showUnconfirmed]) {
          await expect(decide(id)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
        }
      }
      for (const id of ["", "3", "x".repeat(1024), "\0", "\ud800"]) expect(await outbox.discardParked(id)).toBe(false);
      expect(await outbox.listUnconfirmed()).toHaveLength(3);
      expect(await outbox.retryParked("#")).toBe(true);
      expect(await claimed()).toEqual(["#"]);
    });

    test("two outboxes in one table, the prefix of one within the other's, share no message and no order", async () => {
      const { options, store } = shop();
      const outboxes = ["", ":2"].map((more) => dynamodbOutbox(client, { ...options, prefix: options.prefix + more }));
      const [one, other] = outboxes as [(typeof outboxes)[0], (typeof outboxes)[0]];
      await store.transactUnkeyed(async (transaction) => {
        for (const outbox of outboxes) {
          for (const id of ["1", "2"])
            await outbox.add(transaction, { id, topic: "orders", orderingKey: "k", body: "" });
          await outbox.add(transaction, { id: "free", topic: "orders", body: "" });
        }
        return committed;
      });
      const request = { owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 };
      for (const outbox of outboxes) expect(await outbox.backlog()).toMatchObject({ messages: 3 });
      const mine = (await one.claim(request)).batches.flatMap(({ messages }) => messages);
      expect(mine.map(({ id }) => id)).toEqual(["free", "1", "2"]);
      await one.postpone([{ position: mine[1]!.position, owner: "one", delayMs: 0, refusal: "no", park: "block" }]);
      // Positions of messages with a key are the same in both but for the time.
      await one.confirm([mine[0]!.position]);
      expect([(await one.listUnconfirmed()).length, await other.listUnconfirmed()]).toEqual([1, []]);
      expect(await other.retryParked("1")).toBe(false);
      expect((await other.claim(request)).batches.flatMap(({ messages }) => messages.map(({ id }) => id))).toEqual([
        "free",
        "1",
        "2",
      ]);
      expect(await one.backlog()).toMatchObject({ messages: 2, parked: 1 });
      expect(await other.backlog()).toMatchObject({ messages: 3, parked: 0 });
    });

    test.for([3_600_000, -3_600_000])(
      "after a jump of its clock by %i ms a host takes no lease, and loses none",
      async (jumpMs) => {
        const { outbox, add, claimed } = shop();
        await add({ id: "1", orderingKey: "k" }, { id: "free" });
        const request = { owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 };
        const { batches } = await outbox.claim(request);
        vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jumpMs });
        onTestFinished(() => void vi.useRealTimers());
        expect(await claimed()).toEqual([]);
        await add({ id: "2", orderingKey: "k" }, { id: "free-2" });
        expect(await claimed()).toEqual(["free-2"]);
        await outbox.confirm(batches.flatMap(({ messages }) => messages.map(({ position }) => position)));
        expect(await claimed()).toEqual(["2"]);
        const { oldestMs } = await outbox.backlog();
        expect(oldestMs).toBeLessThan(60_000);
      },
    );

    test("the largest body, with the longest names and headers, is stored and claimed whole", async () => {
      const { outbox, add } = shop();
      const long = "\u{10ffff}".repeat(127);
      const message = { id: "i".repeat(255), topic: long, orderingKey: long, headers: { long: "h".repeat(8100) } };
      await add({ ...message, body: new Uint8Array(290_000).fill(255) });
      const { batches } = await outbox.claim({ owner: "one", leaseMs: 1000, limit: 1, messagesPerKey: 1 });
      expect(batches[0]!.messages[0]).toMatchObject({ ...message, headers: expect.objectContaining(message.headers) });
      expect(batches[0]!.messages[0]!.body.every((byte) => byte === 255)).toBe(true);
      await expect(add({ body: new Uint8Array(290_001) })).rejects.toMatchObject({ code: "ONCE_MESSAGE_TOO_LARGE" });
    });

    test("messages of one key that are added at a time by one transaction are in their order, up to 98 of them", async () => {
      const { store, outbox, claimed } = shop();
      const ids = Array.from({ length: 98 }, (_, index) => `${index}`);
      await store.transactUnkeyed(async (transaction) => {
        const message = { topic: "orders", orderingKey: "k", body: "" };
        await Promise.all(ids.map((id) => outbox.add(transaction, { ...message, id })));
        const tooMany = outbox.add(transaction, { ...message, id: "98" });
        await expect(tooMany).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
        return committed;
      });
      expect(await claimed({ messagesPerKey: 1000 })).toEqual(ids);
    });

    test("transactions of several processes that add to one key are all committed, each once", async () => {
      const { options, outbox, claimed } = shop();
      const done: string[] = [];
      const addIn = async (process: number): Promise<void> => {
        // One process knows nothing of the transactions of others.
        const [store, mine] = [dynamodbStore(client, options), dynamodbOutbox(client, options)];
        for (let turn = 0; turn < 5; turn += 1) {
          const id = `${process}-${turn}`;
          await store.transactUnkeyed(async (transaction) => {
            await mine.add(transaction, { id, topic: "orders", orderingKey: "k", body: "" });
            return committed;
          });
          done.push(id);
        }
      };
      await Promise.all([1, 2, 3].map(addIn));
      const ids = await claimed();
      expect(ids.toSorted()).toEqual(done.toSorted());
      for (const process of ["1", "2", "3"]) {
        const own = ids.filter((id) => id.startsWith(process));
        expect(own).toEqual(own.toSorted());
      }
      expect(await outbox.backlog()).toMatchObject({ messages: 15 });
    });

    test("a handler that meets another's message in each run gives up as a store that is busy, and adds nothing", async () => {
      const { options, store, outbox, claimed } = shop();
      const other = dynamodbStore(client, options);
      const others = dynamodbOutbox(client, options);
      let runs = 0;
      const run = store.transactUnkeyed(async (transaction) => {
        runs += 1;
        await outbox.add(transaction, { id: "never", topic: "orders", orderingKey: "k", body: "" });
        await other.transactUnkeyed(async (first) => {
          await others.add(first, { id: `${runs}`, topic: "orders", orderingKey: "k", body: "" });
          return committed;
        });
        return committed;
      });
      await expect(run).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
      expect(await claimed()).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 1}`));
    });

    test("two handlers that add to two keys in opposite order both commit, after a while", async () => {
      const { options, store, claimed } = shop();
      // Requests are late by this clock, too: it moves only when each handler waits for the other, and no request is under way.
      const clock = fakeClock();
      const outbox = openOutbox(sdkTransport(client), options, clock, exactTime(systemClock));
      const haveOne = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      const wantOther = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
      const addTo = (keys: readonly [string, string], turn: 0 | 1) =>
        store.transactUnkeyed(async (transaction) => {
          const message = { id: keys.join(), topic: "orders", body: "" };
          await outbox.add(transaction, { ...message, orderingKey: keys[0] });
          haveOne[turn].resolve();
          await Promise.all(haveOne.map(({ promise }) => promise));
          const added = outbox.add(transaction, { ...message, orderingKey: keys[1] });
          wantOther[turn].resolve();
          await added;
          return committed;
        });
      const committing = Promise.all([addTo(["a", "b"], 0), addTo(["b", "a"], 1)]);
      await Promise.race([committing, Promise.all(wantOther.map(({ promise }) => promise))]);
      await clock.advance(options.requestMsMax);
      await committing;
      expect((await claimed()).toSorted()).toEqual(["a,b", "a,b", "b,a", "b,a"]);
    });

    /**
     * A table that takes one request at a time: each answer comes 100 ms after the one before, however many are asked for. No other
     * time passes; it begins in a minute from now, `intoSecondMs` after a whole second.
     */
    const slowTable = (intoSecondMs = 0) => {
      const began = Math.floor(systemClock.now() / 1000) * 1000 + 60_000 + intoSecondMs;
      let spentMs = 0;
      const now = () => began + spentMs;
      const clock = { ...systemClock, now, monotonic: () => spentMs };
      const direct: DynamodbClient = client;
      const dated = (next: (args: unknown) => Promise<{ response: { headers: Record<string, string> } }>) => {
        return async (args: unknown) => {
          const answer = await next(args);
          answer.response.headers["date"] = new Date(now()).toUTCString();
          return answer;
        };
      };
      const slow = {
        destroy: () => undefined,
        async send(command: never, options?: { abortSignal?: AbortSignal }): Promise<unknown> {
          const { middlewareStack } = command as { middlewareStack: { add(...middleware: unknown[]): void } };
          middlewareStack.add(dated, { step: "deserialize", priority: "low" });
          const answer: unknown = await direct.send(command, options);
          spentMs += 100;
          return answer;
        },
      };
      return { slow, clock, spentMs: () => spentMs };
    };

    test.each([0, 300, 600, 900])(
      "a claim that takes seconds has all it leased, begun %d ms into a second",
      async (at) => {
        const { options, add } = shop();
        const { slow, clock, spentMs } = slowTable(at);
        const { claim } = openOutbox(sdkTransport(slow), options, clock, serverTime(clock));
        const ids = Array.from({ length: 50 }, (_, index) => `${index}`);
        for (const id of ids) await add({ id, orderingKey: id });
        const { batches } = await claim({ owner: "one", leaseMs: 60_000, limit: 100, messagesPerKey: 10 });
        expect(batches.flatMap(({ messages }) => messages.map(({ id }) => id)).toSorted()).toEqual(ids.toSorted());
        expect(spentMs()).toBeGreaterThan(3000);
      },
    );

    test("claims on a table that takes one request at a time leave half of their lease to publish, and miss nothing", async () => {
      const { options, add } = shop();
      const { slow, clock, spentMs } = slowTable();
      const { claim, confirm } = openOutbox(sdkTransport(slow), options, clock, exactTime(clock));
      const ids = Array.from({ length: 30 }, (_, index) => `${index}`);
      await add(...ids.map((id) => ({ id })));
      for (const id of ids) await add({ id: `key-${id}`, orderingKey: id });
      const taken: string[] = [];
      const leaseMs = 4000;
      while (taken.length < 60) {
        const begunMs = spentMs();
        const { batches } = await claim({ owner: crypto.randomUUID(), leaseMs, limit: 100, messagesPerKey: 10 });
        expect(spentMs() - begunMs).toBeLessThanOrEqual(leaseMs / 2);
        const messages = batches.flatMap((batch) => batch.messages);
        expect(messages).not.toEqual([]);
        taken.push(...messages.map(({ id }) => id));
        await confirm(messages.map(({ position }) => position));
      }
      expect(new Set(taken)).toEqual(new Set([...ids, ...ids.map((id) => `key-${id}`)]));
    });

    describe("through a proxy", () => {
      let proxy: AwsProxy;
      let near: DynamoDBClient;
      beforeEach(async () => {
        proxy = await awsProxy(server.url);
        near = dynamodbClient(proxy.url);
      });
      afterEach(async () => {
        near.destroy();
        await proxy[Symbol.asyncDispose]();
      });

      test("a message that its transaction is just writing is not passed by those after it", async () => {
        const { add, claimed } = shop(near);
        await add({ id: "1", orderingKey: "k" }, { id: "2", orderingKey: "k" });
        let hides = true;
        proxy.change = (operation, answer) => {
          if (operation !== "BatchGetItem" || !hides) return answer;
          hides = false;
          const parsed = JSON.parse(answer) as { Responses: Record<string, { id: { S: string } }[]> };
          const [name, items] = Object.entries(parsed.Responses)[0]!;
          return JSON.stringify({ ...parsed, Responses: { [name]: items.filter(({ id }) => id.S !== "1") } });
        };
        expect(await claimed()).toEqual(["1", "2"]);
        expect([hides, proxy.operations]).toEqual([false, expect.arrayContaining(["TransactGetItems"])]);
      });

      test("a claim in which a table refuses a part gives the rest, which waits for no lease", async () => {
        const { outbox, add } = shop(near);
        const ids = Array.from({ length: 20 }, (_, index) => `${index}`);
        await add(...ids.map((id) => ({ id })));
        for (const id of ids) await add({ id: `key-${id}`, orderingKey: id });
        let writes = 0;
        proxy.refuses = (operation) =>
          operation === "UpdateItem" && (writes += 1) % 10 === 0 ? "ProvisionedThroughputExceededException" : undefined;
        const taken: string[] = [];
        for (let claims = 0; taken.length < 40 && claims < 40; claims += 1) {
          const request = { owner: crypto.randomUUID(), leaseMs: 600_000, limit: 100, messagesPerKey: 10 };
          const claim = await outbox.claim(request).catch((error: unknown) => {
            expect(error).toMatchObject({ name: "ProvisionedThroughputExceededException" });
          });
          taken.push(...(claim?.batches ?? []).flatMap(({ messages }) => messages.map(({ id }) => id)));
        }
        expect(taken.toSorted()).toEqual([...ids, ...ids.map((id) => `key-${id}`)].toSorted());
      });

      test("an index that is late gives nothing twice, and brings nothing back", async () => {
        const { outbox, add, claimed } = shop(near);
        await add({ id: "1", orderingKey: "k" }, { id: "free" });
        const late: string[] = [];
        proxy.change = (operation, answer) => {
          if (operation === "Query") late.push(answer);
          return answer;
        };
        const request = { owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 };
        const { batches } = await outbox.claim(request);
        // The index stays as it was before the claim.
        let turn = 0;
        proxy.change = (operation, answer) => (operation === "Query" ? late[turn++ % late.length]! : answer);
        expect(await claimed()).toEqual([]);
        const positions = batches.flatMap(({ messages }) => messages.map(({ position }) => position));
        expect(positions).toHaveLength(2);
        await outbox.confirm(positions);
        expect(await claimed()).toEqual([]);
        expect(turn).toBe(4);
      });

      test.for([undefined, "k"])(
        "a relay that slept with its host while it claimed is given nothing, and another one claims it: key %s",
        async (orderingKey) => {
          const { outbox, add, claimed } = shop(near);
          await add({ id: "1", orderingKey });
          let hours = 0;
          proxy.date = (date) => shiftDate(hours * 3_600_000)(date);
          proxy.hold = async (operation) => void (operation === "UpdateItem" && (hours = 1));
          const request = { owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 };
          expect((await outbox.claim(request)).batches).toEqual([]);
          proxy.hold = () => undefined;
          await expect.poll(() => claimed()).toEqual(["1"]);
        },
      );

      test("confirmations and returns that lost their answers are repeated, and count once", async () => {
        const { outbox, add } = shop(near);
        await add({ id: "1", orderingKey: "k" }, { id: "2", orderingKey: "k" }, { id: "free" });
        const owner = "one";
        const { batches } = await outbox.claim({ owner, leaseMs: 60_000, limit: 9, messagesPerKey: 9 });
        const [free, first, second] = batches.flatMap(({ messages }) => messages.map(({ position }) => position));
        const twice = async (act: () => Promise<void>) => {
          let lost = 1;
          proxy.loses = (operation) => /Write|Update/.test(operation) && lost-- > 0;
          await expect(act()).rejects.toThrow();
          await act();
        };
        const refused = { owner, delayMs: 0, refusal: "no", refusals: 1 };
        await twice(() => outbox.postpone([{ ...refused, position: second! }]));
        await twice(() => outbox.postpone([{ ...refused, position: free! }]));
        await twice(() => outbox.confirm([first!]));
        const again = await outbox.claim({ owner: "other", leaseMs: 60_000, limit: 9, messagesPerKey: 9 });
        const counts = again.batches.flatMap(({ messages }) => messages.map(({ id, refusals }) => `${id} ${refusals}`));
        expect(counts).toEqual(["free 1", "2 1"]);
      });
    });

    test("a key that DynamoDB has removed begins anew, and a late confirmation removes none of its messages", async () => {
      const clock = fakeClock(1_700_000_000_000);
      const { prefix, outbox, add, claimed } = shop(client, exactTime(clock));
      await add({ id: "1", orderingKey: "k" });
      const { batches } = await outbox.claim({ owner: "one", leaseMs: 60_000, limit: 1, messagesPerKey: 1 });
      const { position } = batches[0]!.messages[0]!;
      await outbox.confirm([position]);
      const left = (await scanAll(client, table)).filter(({ pk }) => pk!.S!.startsWith(`${prefix}#`));
      // The key alone is there, without a place in the index, and with an end.
      expect(left).toEqual([expect.objectContaining({ key: { S: "k" }, ttl: { N: expect.any(String) as string } })]);
      expect(left[0]).not.toHaveProperty("queue");
      const day = 86_400_000;
      expect(Number(left[0]!["ttl"]!.N)).toBeGreaterThan((clock.now() + day) / 1000);
      await clock.advance(day);
      await client.send(new DeleteItemCommand({ TableName: table, Key: { pk: left[0]!["pk"]! } }));
      await add({ id: "2", orderingKey: "k" });
      await outbox.confirm([position]);
      expect(await claimed()).toEqual(["2"]);
    });

    test.each(ways)(
      "a return that lost its answer is sent again with its token, and counts once, $way",
      async (way) => {
        const { options, outbox, add } = shop();
        await add({ id: "1", orderingKey: "k" }, { id: "2", orderingKey: "k" });
        const owner = "one";
        const { batches } = await outbox.claim({ owner, leaseMs: 60_000, limit: 9, messagesPerKey: 9 });
        const { position } = batches[0]!.messages[1]!;
        await using proxy = await awsProxy(server.url);
        let lost = 1;
        proxy.loses = (operation) => operation === "TransactWriteItems" && lost-- > 0;
        const far = way.open(proxy.url, 2);
        await far.outbox(options).postpone([{ position, owner, delayMs: 0, refusal: "no" }]);
        far.destroy();
        expect(proxy.tokens).toEqual([expect.any(String), proxy.tokens[0]]);
      },
    );

    test("a parked message that a person retries while a relay looks at its key is claimed in the end", async () => {
      const { options, outbox, add, claimed } = shop();
      await add({ id: "1", orderingKey: "k" });
      const { batches } = await outbox.claim({ owner: "one", leaseMs: 60_000, limit: 1, messagesPerKey: 1 });
      const { position } = batches[0]!.messages[0]!;
      await outbox.postpone([{ position, owner: "one", delayMs: 0, refusal: "no", park: "block" }]);
      // A message after it brings the key into the index again, so that a relay looks at it.
      await add({ id: "2", orderingKey: "k" });
      await using proxy = await awsProxy(server.url);
      const near = dynamodbClient(proxy.url);
      let isRead = false;
      proxy.hold = async (operation) => {
        if (operation !== "UpdateItem" || isRead) return;
        isRead = proxy.operations.includes("BatchGetItem");
        // The relay has seen the parked message, and is about to take the key out of the index.
        if (isRead) expect(await outbox.retryParked("1")).toBe(true);
      };
      const looking = dynamodbOutbox(near, options);
      expect((await looking.claim({ owner: "two", leaseMs: 60_000, limit: 1, messagesPerKey: 9 })).batches).toEqual([]);
      near.destroy();
      expect(isRead).toBe(true);
      expect(await claimed()).toEqual(["1", "2"]);
    });

    test("an index that does not project what a relay reads is reported with what to do", async () => {
      const projectsNothing = { KeySchema: [queue, place], Projection: { ProjectionType: "KEYS_ONLY" as const } };
      const options = { table: await makeTable(client, projectsNothing) };
      const outbox = dynamodbOutbox(client, options);
      await dynamodbStore(client, options).transactUnkeyed(async (transaction) => {
        await outbox.add(transaction, { topic: "orders", body: "" });
        return committed;
      });
      const claim = outbox.claim({ owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 });
      await expect(claim).rejects.toMatchObject(wrongIndex);
    });
  });
});

const [queue, place] = [
  { AttributeName: "queue", KeyType: "HASH" as const },
  { AttributeName: "place", KeyType: "RANGE" as const },
];
const wrongIndex = {
  code: "ONCE_STORE_UNAVAILABLE",
  message: expect.stringContaining("add the index outbox") as string,
};

/** Makes a table with such an index, or none. */
async function makeTable(
  client: DynamoDBClient,
  index?: Pick<GlobalSecondaryIndex, "KeySchema" | "Projection">,
): Promise<string> {
  const TableName = `bare-${crypto.randomUUID()}`;
  const attributes = ["pk", ...(index?.KeySchema ?? []).map(({ AttributeName }) => AttributeName!)];
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: attributes.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      ...(index && { GlobalSecondaryIndexes: [{ IndexName: "outbox", ...index }] }),
    }),
  );
  await waitUntilTableExists({ client, minDelay: 1, maxDelay: 1, maxWaitTime: 60 }, { TableName });
  return TableName;
}

// Its refusals of queries have the words of AWS.
describe("the outbox in DynamoDB, by dynalite", () => {
  test("a table without the index, or with one of other keys, is reported with what to do", async () => {
    await using server = await startDynalite();
    const client = dynamodbClient(server.url);
    const claimIn = (table: string) =>
      dynamodbOutbox(client, { table }).claim({ owner: "one", leaseMs: 60_000, limit: 9, messagesPerKey: 9 });
    const bare = await makeTable(client);
    await expect(claimIn(bare)).rejects.toMatchObject(wrongIndex);
    await expect(dynamodbOutbox(client, { table: bare }).backlog()).rejects.toMatchObject(wrongIndex);
    const hasNoSortKey = { KeySchema: [queue], Projection: { ProjectionType: "ALL" as const } };
    await expect(claimIn(await makeTable(client, hasNoSortKey))).rejects.toMatchObject(wrongIndex);
    client.destroy();
  });
});
