/**
 * The price of a key in DynamoDB, ours beside Powertools, on moto: requests and capacity units of a first call, of a repeat and of a repeat
 * in another process, and the processor time of this process for each. Writes bench/results/dynamodb.json.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import process from "node:process";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceLambda } from "once-again/lambda";
import { type DynamodbStore, dynamodbStore } from "once-again/stores/dynamodb";
import {
  dynamodbClient,
  type DynamodbClient,
  dynamodbStore as storeWithoutSdk,
} from "once-again/stores/dynamodb/without-sdk";
import { awsClientOptions, startMoto } from "../../test/support/servers/moto.ts";
import { requestCounter } from "./count-requests.ts";
import type { DynamodbResults, Price } from "./results.ts";

interface Order {
  readonly id: string;
  readonly amount: number;
}

/** Longer than its default: other work shares the machine. */
const requestMsMax = 60_000;

const charge = async ({ id, amount }: Order) => ({ receipt: `${id} ${amount}` });

/** Clients of one table, of each kind. */
interface Clients {
  readonly sdk: DynamoDBClient;
  readonly own: DynamodbClient;
}

type Charge = (order: Order) => Promise<unknown>;

const leased = (store: DynamodbStore): Charge =>
  onceLambda({ store, storeMsMax: requestMsMax, scope: "charge", key: ({ id }: Order) => id }, (order: Order) =>
    charge(order),
  );

const transactional = (store: DynamodbStore): Charge =>
  onceLambda(
    { mode: "transactional", store, storeMsMax: requestMsMax, scope: "charge", key: ({ id }: Order) => id },
    (order: Order) => charge(order),
  );

/** A function that charges each order once, for each way to store its key. */
const ways: Readonly<Record<string, (clients: Clients, table: string) => Charge>> = {
  "once-again, leased": ({ sdk }, table) => leased(dynamodbStore(sdk, { table, requestMsMax })),
  "once-again, leased, without the SDK": ({ own }, table) => leased(storeWithoutSdk(own, { table, requestMsMax })),
  "once-again, transactional": ({ sdk }, table) => transactional(dynamodbStore(sdk, { table, requestMsMax })),
  "once-again, transactional, without the SDK": ({ own }, table) =>
    transactional(storeWithoutSdk(own, { table, requestMsMax })),
  Powertools: ({ sdk }, table) => {
    const persistenceStore = new DynamoDBPersistenceLayer({ tableName: table, keyAttr: "pk", awsSdkV3Client: sdk });
    const config = new IdempotencyConfig({ eventKeyJmesPath: "id", payloadValidationJmesPath: "@" });
    // It warns of each call without Lambda's context.
    config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 } as never);
    return makeIdempotent(charge, { persistenceStore, config });
  },
};

/** Clients of which each request is counted. */
function countedClients(counter: ReturnType<typeof requestCounter>): Clients {
  const sdk = new DynamoDBClient({ ...awsClientOptions(moto), maxAttempts: 1 });
  sdk.middlewareStack.add(
    (next, { commandName }) =>
      (args) =>
        counter.count(String(commandName).replace(/Command$/, ""), args.input, () => next(args)),
    { step: "initialize" },
  );
  const own = dynamodbClient({ ...awsClientOptions(moto), attemptsMax: 1 });
  const request: DynamodbClient["request"] = (operation, input, ...rest) =>
    counter.count(operation, input, () => own.request(operation, input, ...rest));
  return { sdk, own: { ...own, request } };
}

const [rounds, callsOfRound] = [9, 20];

/** Processor time of one call, milliseconds, as the mean of many in turn. */
async function processorMs(call: (index: number) => Promise<unknown>): Promise<number> {
  const begun = process.cpuUsage();
  for (let index = 0; index < callsOfRound; index += 1) await call(index);
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000 / callsOfRound;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

await using moto = await startMoto();
const direct = new DynamoDBClient(awsClientOptions(moto));
const measured = await Promise.all(
  Object.entries(ways).map(async ([name, open], index) => {
    const table = `table-${index}`;
    await direct.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      }),
    );
    // The second one knows nothing of what the first one did, as in another process.
    const counter = requestCounter(direct, table);
    const clients = countedClients(counter);
    const [call, callElsewhere] = [open(clients, table), open(clients, table)];
    // The first request of a process of ours is a read, which says what time it is.
    for (const warm of [call, callElsewhere]) await warm({ id: "warm", amount: 1 });
    const times = { first: [] as number[], repeat: [] as number[], elsewhere: [] as number[] };
    counter.take();
    return { name, clients, counter, calls: { first: call, repeat: call, elsewhere: callElsewhere }, times };
  }),
);
type When = keyof (typeof measured)[number]["calls"];
const whens: readonly When[] = ["first", "repeat", "elsewhere"];
const prices = new Map<string, Record<When, Price>>();
for (const { name, counter, calls } of measured) {
  const price = async (when: When): Promise<Price> => {
    await calls[when]({ id: "order-7", amount: 700 });
    return counter.take();
  };
  prices.set(name, {
    first: await price("first"),
    repeat: await price("repeat"),
    elsewhere: await price("elsewhere"),
  });
  counter.stop();
}
// In turns, so that a busy moment of the machine meets all of them.
for (let round = 0; round < rounds; round += 1) {
  for (const { calls, times } of measured) {
    for (const when of whens) {
      times[when].push(await processorMs((index) => calls[when]({ id: `order-${round}-${index}`, amount: index })));
    }
  }
}
for (const { clients } of measured)
  Object.values(clients).forEach((client: Clients[keyof Clients]) => client.destroy());
direct.destroy();
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
  ways: measured.map(({ name, times }) => {
    const priced = (when: When) => ({ ...prices.get(name)![when], processorMs: median(times[when]) });
    return { name, first: priced("first"), repeat: priced("repeat"), elsewhere: priced("elsewhere") };
  }),
};
writeFileSync("bench/results/dynamodb.json", `${JSON.stringify(results, undefined, 2)}\n`);
console.log(JSON.stringify(results.ways, undefined, 2));
