import process from "node:process";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { dynamodbStore, type DynamodbTransaction } from "../../../../packages/once-again/src/stores/dynamodb/index.ts";
import { createTable, dynamodbClient, scanAll } from "../../../support/dynamodb/tables.ts";
import { awsProxy } from "../../../support/servers/aws-proxy.ts";
import { motoBinary, startMoto } from "../../../support/servers/moto.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";
import type { CrashEngine, EffectsTable } from "../../../proof/crash/engine.ts";
import type { Effect } from "../../../proof/crash/evidence.ts";

const [table, effects] = ["keys", "effects"];

/** A server asks for less long than its engine waits, so that it can ask again. The emulator takes seconds to list some thousand keys. */
const requestMsMax = { server: 1500, audit: 60_000 };

export const dynamodbEngine: CrashEngine = {
  name: "dynamodb",
  modes: ["hold", "transactional"],
  runsAgain: false,
  server: {
    binary: motoBinary,
    start: startService,
    claiming: { hold: "DynamoDB_20120810.PutItem", transactional: "DynamoDB_20120810.GetItem" },
    completing: { hold: "SET #st = :done", transactional: "DynamoDB_20120810.TransactWriteItems" },
    throttled: awsProxy,
  },
  async open(url, { by } = { by: "audit" }) {
    const client = dynamodbClient(url);
    const store = dynamodbStore(client, { table, requestMsMax: requestMsMax[by] });
    const inTable: EffectsTable<DynamodbTransaction> = {
      store,
      add(transaction, { effect, order, life }) {
        const Item = { pk: { S: crypto.randomUUID() }, effect: { S: effect }, order: { S: order }, life: { S: life } };
        transaction.put({ TableName: effects, Item });
      },
      read: () => readEffects(client),
    };
    return {
      store,
      effects: inTable,
      async prepare() {
        for (const name of [table, effects]) await createTable(client, name);
      },
      close: async () => client.destroy(),
    };
  },
};

async function readEffects(client: DynamoDBClient): Promise<Effect[]> {
  const items = await scanAll(client, effects);
  return items.map(({ effect, order, life }) => ({ effect: effect!.S!, order: order!.S!, life: life!.S! }));
}

/** A service does not lose its data with a process. An outage of it stands still for as long as a database would be gone. */
async function startService(): Promise<PrivateServer> {
  const moto = await startMoto();
  const signal = async (name: NodeJS.Signals): Promise<void> => void process.kill(moto.pid!, name);
  return {
    port: moto.port,
    url: moto.url,
    get pid() {
      return moto.pid;
    },
    stop: () => signal("SIGSTOP"),
    kill: () => signal("SIGSTOP"),
    restart: () => signal("SIGCONT"),
    [Symbol.asyncDispose]: () => moto[Symbol.asyncDispose](),
  };
}
