/**
 * The price of a key in DynamoDB, ours beside Powertools, on moto: requests and capacity units of a first call and of a repeat, and
 * the processor time of this process for each. Writes bench/results/dynamodb.json.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import process from "node:process";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceLambda } from "once-again/lambda";
import { dynamodbStore } from "once-again/stores/dynamodb";
import { awsClientOptions, startMoto } from "../../test/support/servers/moto.ts";
import { countRequests } from "./count-requests.ts";
import type { DynamodbResults, Price } from "./results.ts";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const charge = async ({ id, amount }: Order) => ({ receipt: `${id} ${amount}` });

/** A function that charges each order once, for each way to store its key. */
const ways: Readonly<Record<string, (client: DynamoDBClient, table: string) => (order: Order) => Promise<unknown>>> = {
  "once-again, leased": (client, table) =>
    onceLambda(
      { store: dynamodbStore(client, { table }), scope: "charge", key: ({ id }: Order) => id },
      (order: Order) => charge(order),
    ),
  "once-again, transactional": (client, table) =>
    onceLambda(
      { mode: "transactional", store: dynamodbStore(client, { table }), scope: "charge", key: ({ id }: Order) => id },
      (order: Order) => charge(order),
    ),
  Powertools: (client, table) => {
    const persistenceStore = new DynamoDBPersistenceLayer({ tableName: table, keyAttr: "pk", awsSdkV3Client: client });
    const config = new IdempotencyConfig({ eventKeyJmesPath: "id", payloadValidationJmesPath: "@" });
    // It warns of each call without Lambda's context.
    config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 } as never);
    return makeIdempotent(charge, { persistenceStore, config });
  },
};

const [rounds, calls] = [7, 20];

/** Processor time of one call, milliseconds, as the mean of many in turn. */
async function processorMs(call: (index: number) => Promise<unknown>): Promise<number> {
  const begun = process.cpuUsage();
  for (let index = 0; index < calls; index += 1) await call(index);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000 / calls;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

await using moto = await startMoto();
const measured = await Promise.all(
  Object.entries(ways).map(async ([name, open], index) => {
    const [client, table] = [new DynamoDBClient({ ...awsClientOptions(moto), maxAttempts: 1 }), `table-${index}`];
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      }),
    );
    const call = open(client, table);
    // The first request of a process of ours is a read, which says what time it is.
    await call({ id: "warm", amount: 1 });
    return { name, table, client, call, times: { first: [] as number[], repeat: [] as number[] } };
  }),
);
const prices: Record<string, { first: Price; repeat: Price }> = {};
for (const { name, table, client, call } of measured) {
  const order = { id: "order-7", amount: 700 };
  const counted = countRequests(client, table);
  await call(order);
  const first = counted.take();
  await call(order);
  prices[name] = { first, repeat: counted.take() };
  counted.stop();
}
// In turns, so that a busy moment of the machine meets all of them.
for (let round = 0; round < rounds; round += 1) {
  for (const { call, times } of measured) {
    const orderOf = (index: number): Order => ({ id: `order-${round}-${index}`, amount: index });
    times.first.push(await processorMs((index) => call(orderOf(index))));
    times.repeat.push(await processorMs((index) => call(orderOf(index))));
  }
}
for (const { client } of measured) client.destroy();
const [cpu] = cpus();
const { version } = JSON.parse(
  readFileSync("node_modules/@aws-lambda-powertools/idempotency/package.json", "utf8"),
) as { version: string };
const results: DynamodbResults = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  cpu: cpu?.model ?? "unknown",
  cores: cpus().length,
  load: loadavg()[0]!.toFixed(1),
  powertools: version,
  ways: measured.map(({ name, times }) => ({
    name,
    first: { ...prices[name]!.first, processorMs: median(times.first) },
    repeat: { ...prices[name]!.repeat, processorMs: median(times.repeat) },
  })),
};
writeFileSync("bench/results/dynamodb.json", `${JSON.stringify(results, undefined, 2)}\n`);
console.log(JSON.stringify(results.ways, undefined, 2));
