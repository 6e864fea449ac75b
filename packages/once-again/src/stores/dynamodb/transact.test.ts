import { type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { transactionContract } from "../../../../testing/src/store-contract/transaction-contract.ts";
import { awsProxy, shiftDate } from "../../../../../test/support/servers/aws-proxy.ts";
import { expectAllowed, watchPermissions } from "../../../../../test/support/dynamodb/permissions.ts";
import { createTable, dynamodbClient, scanAll } from "../../../../../test/support/dynamodb/tables.ts";
import { type OpenWay, ways } from "../../../../../test/support/dynamodb/ways.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { motoBinary, startMoto } from "../../../../../test/support/servers/moto.ts";
import type { TransactionEnding } from "../store.ts";
import type { DynamodbStore, DynamodbStoreOptions } from "./store.ts";
import type { DynamodbTransaction } from "./transact.ts";
import { waitMsMax } from "../../../../../test/support/wait-ms-max.ts";

const table = "once";
const accounts = "accounts";
const result = Uint8Array.of(1);
const operationOf = (key: string) => ({ scope: "acme", key, fingerprint: "f", retentionMs: 60_000 });
const committed = <Value>(value: Value): TransactionEnding<Value> => ({ keep: "commit", result, value });

describeWithServer("DynamoDB, by moto", motoBinary, () => {
  describe.each(ways)("$way", (way) => {
    let server: Awaited<ReturnType<typeof startMoto>>;
    let client: DynamoDBClient;
    let near: OpenWay;
    let needed: Set<string>;
    beforeAll(async () => {
      server = await startMoto();
      client = dynamodbClient(server.url);
      for (const name of [table, accounts]) await createTable(client, name);
      near = way.open(server.url);
      needed = watchPermissions(near, [accounts]);
    });
    afterAll(async () => {
      client.destroy();
      near.destroy();
      await server[Symbol.asyncDispose]();
      expectAllowed(needed);
    });
    const keyOf = (pk: string) => ({ pk: { S: pk } });
    const storeOf = (prefix: string, more: Partial<DynamodbStoreOptions> = {}) =>
      near.store({ table, prefix, requestMsMax: waitMsMax, ...more });
    const itemsIn = async (prefix: string) =>
      (await scanAll(client, accounts)).filter(({ pk }) => pk?.S?.startsWith(prefix));

    describe.for([false, true])("with claimFirst: %s", (claimFirst) => {
      const contract = transactionContract<DynamodbTransaction>({
        statements: false,
        exclusive: claimFirst,
        clockDoubtMs: 2100,
        open: (records) => ({
          store: storeOf(records, { claimFirst }),
          execute(transaction, statement) {
            const [, name = ""] = /VALUES \('(.*)'\)/.exec(statement) ?? [];
            const Item = { ...keyOf(`${records} ${name} ${crypto.randomUUID()}`), name: { S: name } };
            transaction.put({ TableName: accounts, Item });
          },
          effects: async () => (await itemsIn(records)).map(({ name }) => name!.S!).sort(),
        }),
      });
      for (const { name, run } of contract) test(name, run);
    });

    test("of handlers that read and write one item, each write is based on what it read", async () => {
      const store = storeOf("balance");
      const Key = keyOf("balance");
      await client.send(new PutItemCommand({ TableName: accounts, Item: { ...Key, amount: { N: "0" } } }));
      const add = (key: string) =>
        store.transact(operationOf(key), async (transaction) => {
          const { Item } = await transaction.get({ TableName: accounts, Key });
          const amount = Item!["amount"]!;
          transaction.update({
            TableName: accounts,
            Key,
            UpdateExpression: "SET amount = :next",
            ConditionExpression: "amount = :amount",
            ExpressionAttributeValues: { ":amount": amount, ":next": { N: `${Number(amount.N) + 5}` } },
          });
          return committed(amount);
        });
      // Each of four keys comes five times at once.
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => add(`k${index % 4}`)));
      expect(answers.filter(({ kind }) => kind === "executed")).toHaveLength(4);
      expect((await itemsIn("balance"))[0]!["amount"]).toEqual({ N: "20" });
    });

    test("a condition of a handler that never holds is a handler's fault, and nothing is executed", async () => {
      const store = storeOf("never");
      let runs = 0;
      const run = store.transact(operationOf("k"), async (transaction) => {
        runs += 1;
        const ConditionExpression = "attribute_exists(pk)";
        transaction.put({ TableName: accounts, Item: keyOf("never"), ConditionExpression });
        transaction.put({ TableName: accounts, Item: keyOf("never too") });
        return committed(undefined);
      });
      await expect(run).rejects.toMatchObject({
        code: "ONCE_HANDLER_FAILED",
        message: expect.stringContaining("write 1") as string,
      });
      expect([runs, await itemsIn("never"), await store.inspect(operationOf("k"))]).toEqual([10, [], undefined]);
    });

    test("a write that DynamoDB refuses, and one too many, are reported before anything is executed", async () => {
      const store = storeOf("mistakes");
      const twice = store.transact(operationOf("twice"), async (transaction) => {
        for (let time = 0; time < 2; time += 1) transaction.put({ TableName: accounts, Item: keyOf("mistakes") });
        return committed(undefined);
      });
      await expect(twice).rejects.toMatchObject({ code: "ONCE_HANDLER_FAILED" });
      const many = store.transact(operationOf("many"), async (transaction) => {
        for (let put = 0; put < 100; put += 1) transaction.put({ TableName: accounts, Item: keyOf(`mistakes ${put}`) });
        return committed(undefined);
      });
      await expect(many).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
      const wrong = store.transact(operationOf("wrong"), async (transaction) => {
        transaction.put({ Item: keyOf("mistakes") } as never);
        return committed(undefined);
      });
      await expect(wrong).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
      expect(await itemsIn("mistakes")).toEqual([]);
    });

    test("a transaction that was committed while its answer was lost is not committed twice", async () => {
      await using proxy = await awsProxy(server.url);
      const far = way.open(proxy.url);
      const store = far.store({ table, prefix: "lost", requestMsMax: waitMsMax });
      let lost = 2;
      proxy.loses = (operation) => operation === "TransactWriteItems" && lost-- > 0;
      let runs = 0;
      const answer = await store.transact(operationOf("k"), async (transaction) => {
        runs += 1;
        transaction.update({
          TableName: accounts,
          Key: keyOf("lost"),
          UpdateExpression: "ADD amount :five",
          ExpressionAttributeValues: { ":five": { N: "5" } },
        });
        return committed("paid");
      });
      far.destroy();
      expect(answer).toEqual({ kind: "executed", value: "paid" });
      expect([runs, (await itemsIn("lost"))[0]!["amount"]]).toEqual([1, { N: "5" }]);
      expect(proxy.operations).toEqual(["GetItem", ...Array.from({ length: 3 }, () => "TransactWriteItems")]);
    });

    test("a transaction without a key is sent again with its token, by which DynamoDB executes it once", async () => {
      await using proxy = await awsProxy(server.url);
      const far = way.open(proxy.url, 2);
      const store = far.store({ table, prefix: "unkeyed", requestMsMax: waitMsMax });
      let lost = 1;
      proxy.loses = (operation) => operation === "TransactWriteItems" && lost-- > 0;
      for (const name of ["unkeyed 1", "unkeyed 2"]) {
        await store.transactUnkeyed(async (transaction) => {
          transaction.put({ TableName: accounts, Item: keyOf(name) });
          return committed(undefined);
        });
      }
      far.destroy();
      const [token, again, other] = proxy.tokens;
      expect(proxy.tokens).toEqual([expect.stringMatching(/^[\da-f-]{36}$/), token, expect.any(String)]);
      expect(again).not.toBe(other);
    });

    test("a host that slept while its handler ran stores the answer for its whole time", async () => {
      await using proxy = await awsProxy(server.url);
      const far = way.open(proxy.url);
      const storeOnProxy = () => far.store({ table, prefix: "slept", requestMsMax: waitMsMax });
      const run = (store: DynamodbStore, key: string, sleep: () => void = () => undefined) =>
        store.transact(operationOf(key), async () => {
          sleep();
          return committed("paid");
        });
      const sleep = (hours: number) => () => {
        proxy.date = shiftDate(hours * 3_600_000);
      };
      const store = storeOnProxy();
      expect((await run(store, "k", sleep(1))).kind).toBe("executed");
      expect((await run(storeOnProxy(), "k")).kind).toBe("done");
      // It slept, and the answer to its commit is lost, and that of the stamp.
      const lost = new Set(["TransactWriteItems", "UpdateItem"]);
      proxy.loses = (operation) => lost.delete(operation);
      expect((await run(storeOnProxy(), "lost", sleep(2))).kind).toBe("executed");
      expect((await run(storeOnProxy(), "lost")).kind).toBe("done");
      expect(lost.size).toBe(0);
      far.destroy();
    });

    test("a handler with its key to itself leaves it free when it dies, and keeps it from others meanwhile", async () => {
      const store = storeOf("first", { claimFirst: true, claimMs: 5000 });
      const went = Promise.withResolvers<void>();
      const began = Promise.withResolvers<void>();
      const dying = store.transact(operationOf("k"), async (transaction) => {
        transaction.put({ TableName: accounts, Item: keyOf("first dead") });
        began.resolve();
        await went.promise;
        return committed("dead");
      });
      await began.promise;
      const again = () =>
        store.transact(operationOf("k"), async (transaction) => {
          transaction.put({ TableName: accounts, Item: keyOf("first living") });
          return committed("living");
        });
      expect((await again()).kind).toBe("in-progress");
      await vi.waitFor(async () => expect(await again()).toEqual({ kind: "executed", value: "living" }), {
        timeout: 20_000,
        interval: 300,
      });
      // Its writes can no longer be committed.
      went.resolve();
      expect((await dying).kind).toBe("done");
      expect((await itemsIn("first")).map(({ pk }) => pk!.S)).toEqual(["first living"]);
    });
  });
});
