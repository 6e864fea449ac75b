import { join } from "node:path";
import { d1Store, type D1Transaction, durableObjectStore } from "../../../packages/once-again/src/cloudflare/index.ts";
import type { DynamodbStore, DynamodbTransaction } from "../../../packages/once-again/src/stores/dynamodb/index.ts";
import type { TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import { testedStores } from "../../kits/stores/index.ts";
import { createTable, dynamodbClient, scanAll } from "../../support/dynamodb/tables.ts";
import { ways } from "../../support/dynamodb/ways.ts";
import { startMoto } from "../../support/servers/moto.ts";
import { startWorker, type Worker } from "../../support/servers/workerd.ts";
import { waitMsMax } from "../../support/wait-ms-max.ts";
import type { Ground, Place } from "./ground.ts";
import { inTransactions, leasedPlace, placesOf, rowsOf } from "./store-places.ts";

/** Places that no kit of a store has, by the name that the command knows each by. */
export const otherPlaces: Readonly<Record<string, () => Promise<Place>>> = {
  d1: d1Place,
  dynamodb: dynamodbPlace,
  "objects-hold": () => objectsPlace("objects-hold", "hold"),
  "objects-look": () => objectsPlace("objects-look", "look"),
};

/** Every place, by its name. */
export const places: Readonly<Record<string, () => Promise<Place>>> = Object.assign(
  {},
  ...(await Promise.all(testedStores.map(placesOf))),
  otherPlaces,
) as Record<string, () => Promise<Place>>;

/** Cloudflare's own runtime with a database and a class of objects. The handlers run in Node, and call them through miniflare. */
const startCloudflare = (): Promise<Worker> =>
  startWorker(join(import.meta.dirname, "../../cloudflare/objects.ts"), {
    d1Databases: { DB: "app" },
    durableObjects: { ONCE: { className: "OnceKeys", useSQLite: true } },
  });

async function d1Place(): Promise<Place> {
  const worker = await startCloudflare();
  const database = await worker.miniflare.getD1Database("DB");
  const stores = [d1Store(database), d1Store(database)] as unknown as TransactionalStore<unknown>[];
  await d1Store(database).migrate();
  await database.prepare("CREATE TABLE effects (name TEXT NOT NULL)").run();
  return {
    name: "d1",
    grounds: inTransactions(
      stores,
      async (transaction, statement) => (transaction as D1Transaction).run(statement),
      (row) => `INSERT INTO effects VALUES ('${JSON.stringify(row)}')`,
    ),
    async rows(program) {
      const { results } = await database.prepare("SELECT name FROM effects").run();
      return rowsOf(
        program,
        (results as { name: string }[]).map(({ name }) => name),
      );
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

async function objectsPlace(name: string, onUnknown: "hold" | "look"): Promise<Place> {
  const worker = await startCloudflare();
  const store = durableObjectStore((await worker.miniflare.getDurableObjectNamespace("ONCE")) as never);
  return leasedPlace(name, onUnknown, [store, store], async () => worker[Symbol.asyncDispose]());
}

/** Keys and effects in tables of DynamoDB: a statement is an item, which commits with the key. */
async function dynamodbPlace(): Promise<Place> {
  const server = await startMoto();
  const client = dynamodbClient(server.url);
  for (const name of ["keys", "effects"]) await createTable(client, name);
  const opened = ways.map(({ open }) => open(server.url));
  const stores = opened.map(({ store }) => store({ table: "keys", requestMsMax: waitMsMax }));
  const groundOn = (store: DynamodbStore, program: string): Ground => ({
    rules: { mode: "transactional", store },
    async send(transaction, statement) {
      if (!statement.startsWith("{")) throw new Error(`DynamoDB has no ${statement}.`);
      const Item = { pk: { S: crypto.randomUUID() }, row: { S: statement } };
      (transaction as DynamodbTransaction).put({ TableName: "effects", Item });
    },
    insert: (row) => JSON.stringify({ program, ...row }),
  });
  return {
    name: "dynamodb",
    grounds: (program) => [groundOn(stores[0]!, program), groundOn(stores[1]!, program)],
    async rows(program) {
      const items = await scanAll(client, "effects");
      return rowsOf(
        program,
        items.map(({ row }) => row!.S!),
      );
    },
    async [Symbol.asyncDispose]() {
      for (const one of [client, ...opened]) one.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}
