/**
 * An emulator proves something only where it keeps what it acknowledged. These tests are about the emulators alone: where one of
 * them fails, what the other tests of this folder show on that emulator counts for nothing.
 */
import { setTimeout } from "node:timers/promises";
import {
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type TransactionCanceledException,
  TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startDynalite } from "../support/servers/dynalite.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";
import { createTable, dynamodbClient, scanAll } from "../support/dynamodb/tables.ts";

const TableName = "races";
const absent = "attribute_not_exists(pk)";
const keyOf = (pk: string) => ({ pk: { S: pk } });

/** How an emulator answered: the name of its error. */
const errorName = (error: unknown): string => (error instanceof Error ? error.name : String(error));

/** The races that every emulator has to pass. */
function itsRaces(url: () => string): void {
  let client: DynamoDBClient;
  beforeAll(async () => {
    client = dynamodbClient(url());
    await createTable(client, TableName);
  });
  afterAll(() => client.destroy());

  test("of 20 that put an item if it is absent, one does, in each of 25 races", async () => {
    for (let race = 0; race < 25; race += 1) {
      const puts = Array.from({ length: 20 }, (_, racer) =>
        client.send(
          new PutItemCommand({
            TableName,
            Item: { ...keyOf(`race ${race}`), racer: { N: `${racer}` } },
            ConditionExpression: absent,
          }),
        ),
      );
      const ends = (await Promise.allSettled(puts)).map((end) =>
        end.status === "fulfilled" ? "put" : errorName(end.reason),
      );
      const losers = Array.from({ length: 19 }, () => "ConditionalCheckFailedException");
      expect(ends.sort()).toEqual([...losers, "put"]);
    }
  });

  test("an item comes back whole with a failed condition, or not at all", async () => {
    const Item = { ...keyOf("bytes"), bytes: { B: Uint8Array.of(0, 10, 128, 255) } };
    await client.send(new PutItemCommand({ TableName, Item }));
    const again = client.send(
      new PutItemCommand({
        TableName,
        Item,
        ConditionExpression: absent,
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    );
    const { name, Item: old = Item } = (await again.catch((error: unknown) => error)) as {
      name: string;
      Item?: object;
    };
    expect([name, old]).toEqual(["ConditionalCheckFailedException", Item]);
  });
}

describe("dynalite", () => {
  let server: Awaited<ReturnType<typeof startDynalite>>;
  beforeAll(async () => {
    server = await startDynalite();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  itsRaces(() => server.url);
});

describeWithServer("moto", motoBinary, () => {
  let server: Awaited<ReturnType<typeof startMoto>>;
  let client: DynamoDBClient;
  beforeAll(async () => {
    server = await startMoto();
    client = dynamodbClient(server.url);
  });
  afterAll(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });
  itsRaces(() => server.url);

  test("a transaction that fails takes nothing of others with it, and leaves nothing behind", async () => {
    await client.send(new PutItemCommand({ TableName, Item: keyOf("taken") }));
    const puts = async (): Promise<void> => {
      for (let put = 0; put < 100; put += 1) {
        await client.send(new PutItemCommand({ TableName, Item: keyOf(`put ${put}`) }));
      }
    };
    const failures = async (worker: number): Promise<string[]> => {
      const names: string[] = [];
      for (let time = 0; time < 25; time += 1) {
        const half = { Put: { TableName, Item: keyOf(`half ${worker} ${time}`) } };
        const refused = { Put: { TableName, Item: keyOf("taken"), ConditionExpression: absent } };
        const sent = client.send(new TransactWriteItemsCommand({ TransactItems: [half, refused] }));
        names.push(await sent.then(() => "committed", errorName));
      }
      return names;
    };
    const [, ...names] = await Promise.all([puts(), failures(1), failures(2), failures(3)]);
    expect(new Set(names.flat())).toEqual(new Set(["TransactionCanceledException"]));
    const keys = (await scanAll(client, TableName)).map(({ pk }) => pk!.S!);
    expect(keys.filter((key) => key.startsWith("half"))).toEqual([]);
    expect(keys.filter((key) => key.startsWith("put"))).toHaveLength(100);
  });

  test("a transaction that is cancelled says by which of its items, with the item that was there", async () => {
    const Item = { ...keyOf("owned"), bytes: { B: Uint8Array.of(255) } };
    await client.send(new PutItemCommand({ TableName, Item }));
    const refused = {
      Put: {
        TableName,
        Item,
        ConditionExpression: absent,
        ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
      },
    };
    const other = { Put: { TableName, Item: keyOf("other") } };
    const sent = client.send(new TransactWriteItemsCommand({ TransactItems: [refused, other] }));
    const { CancellationReasons } = (await sent.catch((error: unknown) => error)) as TransactionCanceledException;
    expect(CancellationReasons).toMatchObject([{ Code: "ConditionalCheckFailed", Item }, { Code: "None" }]);
  });

  test("a transaction that is cancelled leaves each of its items as it was", async () => {
    const items = ["put", "updated", "deleted"].map((pk) => ({ ...keyOf(pk), tags: { L: [{ S: "old" }] } }));
    for (const Item of items) await client.send(new PutItemCommand({ TableName, Item }));
    const UpdateExpression = "SET tags[0] = :new, more = :new";
    const ExpressionAttributeValues = { ":new": { S: "new" } };
    const writes = [
      { Put: { TableName, Item: keyOf("put") } },
      { Update: { TableName, Key: keyOf("updated"), UpdateExpression, ExpressionAttributeValues } },
      { Delete: { TableName, Key: keyOf("deleted") } },
      { ConditionCheck: { TableName, Key: keyOf("put no more"), ConditionExpression: "attribute_exists(pk)" } },
    ];
    const sent = client.send(new TransactWriteItemsCommand({ TransactItems: writes }));
    expect(await sent.then(() => "committed", errorName)).toBe("TransactionCanceledException");
    for (const Item of items) {
      const found = await client.send(new GetItemCommand({ TableName, Key: { pk: Item.pk } }));
      expect(found.Item).toEqual(Item);
    }
  });

  test("a reader never finds half of a transaction", async () => {
    const pair = (turn: number) =>
      ["left", "right"].map((pk) => ({ Put: { TableName, Item: { ...keyOf(pk), turn: { N: `${turn}` } } } }));
    await client.send(new TransactWriteItemsCommand({ TransactItems: pair(0) }));
    const writing = new AbortController();
    const write = async (): Promise<void> => {
      for (let turn = 1; turn <= 40; turn += 1) {
        await client.send(new TransactWriteItemsCommand({ TransactItems: pair(turn) }));
      }
      writing.abort();
    };
    const turnOf = async (pk: string): Promise<number> => {
      const { Item } = await client.send(new GetItemCommand({ TableName, Key: keyOf(pk), ConsistentRead: true }));
      return Number(Item?.["turn"]?.N);
    };
    const read = async (): Promise<void> => {
      while (!writing.signal.aborted) {
        const left = await turnOf("left");
        expect(await turnOf("right")).toBeGreaterThanOrEqual(left);
        await setTimeout(1);
      }
    };
    await Promise.all([write(), read()]);
  });
});
