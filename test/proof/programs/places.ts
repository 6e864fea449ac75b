import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createPool } from "mysql2/promise";
import { Pool } from "pg";
import postgres from "postgres";
import { d1Store, type D1Transaction, durableObjectStore } from "../../../packages/once-again/src/cloudflare/index.ts";
import {
  type DynamodbStore,
  type DynamodbTransaction,
} from "../../../packages/once-again/src/stores/dynamodb/index.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import { mariadbStore } from "../../../packages/once-again/src/stores/mariadb/index.ts";
import { postgresStore } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteStore } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import type { AsyncStore, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import { createTable, dynamodbClient, scanAll } from "../../support/dynamodb/tables.ts";
import { type OpenWay, ways } from "../../support/dynamodb/ways.ts";
import { startMariadb } from "../../support/servers/mariadb.ts";
import { startMoto } from "../../support/servers/moto.ts";
import { startPostgres } from "../../support/servers/postgres.ts";
import { startWorker, type Worker } from "../../support/servers/workerd.ts";
import type { Ground, Place, Row } from "./ground.ts";
import { waitMsMax } from "../../support/wait-ms-max.ts";

const table = "CREATE TABLE effects (program VARCHAR(40) NOT NULL, run INTEGER NOT NULL, effect VARCHAR(40) NOT NULL)";
const read = (program: string): string =>
  `SELECT run, effect FROM effects WHERE program = '${program}' ORDER BY run, effect`;

/** The grounds of a place where two stores stand for two processes, and effects are rows of the same database. */
function inTransactions(
  stores: readonly TransactionalStore<unknown>[],
  send: Ground["send"],
): (program: string) => readonly [Ground, Ground] {
  const groundOn = (store: TransactionalStore<unknown>, program: string): Ground => ({
    rules: { mode: "transactional", store },
    send,
    insert: ({ run, effect }) =>
      `INSERT INTO effects (program, run, effect) VALUES ('${program}', ${run}, '${effect}')`,
  });
  return (program) => [groundOn(stores[0]!, program), groundOn(stores[1]!, program)];
}

async function sqlitePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "once-again-programs-"));
  const path = join(folder, "app.db");
  const stores = [sqliteStore({ path }), sqliteStore({ path })] as unknown as TransactionalStore<unknown>[];
  const outside = new DatabaseSync(path);
  outside.exec(table);
  return {
    name: "sqlite",
    grounds: inTransactions(stores, async (transaction, statement) => (transaction as DatabaseSync).exec(statement)),
    rows: async (program) => outside.prepare(read(program)).all() as unknown as Row[],
    async [Symbol.asyncDispose]() {
      outside.close();
      for (const store of stores) await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function pgPlace(): Promise<Place> {
  const server = await startPostgres();
  const pools = [new Pool({ connectionString: server.url }), new Pool({ connectionString: server.url })] as const;
  const stores = pools.map((pool) => postgresStore(pool));
  await stores[0]!.migrate();
  await pools[0].query(table);
  return {
    name: "pg",
    grounds: inTransactions(stores, (transaction, statement) => (transaction as Pool).query(statement)),
    rows: async (program) => (await pools[0].query(read(program))).rows as Row[],
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((pool) => pool.end()));
      await server[Symbol.asyncDispose]();
    },
  };
}

async function postgresJsPlace(): Promise<Place> {
  const server = await startPostgres();
  const clients = [1, 2].map(() => postgres(server.url, { onnotice: () => undefined }));
  const [first] = clients as [ReturnType<typeof postgres>];
  const stores = clients.map((sql) => postgresStore(sql));
  await stores[0]!.migrate();
  await first.unsafe(table);
  return {
    name: "postgres.js",
    grounds: inTransactions(stores, async (transaction, statement) => (transaction as typeof first).unsafe(statement)),
    rows: async (program) => [...(await first.unsafe(read(program)))] as unknown as Row[],
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((sql) => sql.end({ timeout: 1 })));
      await server[Symbol.asyncDispose]();
    },
  };
}

async function mariadbPlace(): Promise<Place> {
  const server = await startMariadb();
  const root = createPool({ uri: server.url });
  await root.query("CREATE DATABASE app");
  await root.end();
  const uri = server.url.replace(/[^/]+$/, "app");
  const pools = [createPool({ uri }), createPool({ uri })] as const;
  const stores = pools.map((pool) => mariadbStore(pool));
  await stores[0]!.migrate();
  await pools[0].query(table);
  return {
    name: "mariadb",
    grounds: inTransactions(stores, (transaction, statement) => (transaction as (typeof pools)[0]).query(statement)),
    rows: async (program) => (await pools[0].query(read(program)))[0] as Row[],
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((pool) => pool.end()));
      await server[Symbol.asyncDispose]();
    },
  };
}

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
  await database.prepare(table).run();
  return {
    name: "d1",
    grounds: inTransactions(stores, async (transaction, statement) => (transaction as D1Transaction).run(statement)),
    rows: async (program) => (await database.prepare(read(program)).run()).results,
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

async function objectsPlace(name: string, onUnknown: "hold" | "look"): Promise<Place> {
  const worker = await startCloudflare();
  const store = durableObjectStore((await worker.miniflare.getDurableObjectNamespace("ONCE")) as never);
  return leasedPlace(name, onUnknown, store, async () => worker[Symbol.asyncDispose]());
}

function memoryPlace(name: string, onUnknown: "hold" | "look"): Place {
  const store = memoryStore() as unknown as AsyncStore;
  return leasedPlace(name, onUnknown, store, () => store.close());
}

/** Keys and effects in tables of DynamoDB: a statement is an item, which commits with the key. */
async function dynamodbPlace(): Promise<Place> {
  const { stores, client, close } = await openDynamodb();
  const groundOn = (store: DynamodbStore, program: string): Ground => ({
    rules: { mode: "transactional", store },
    async send(transaction, statement) {
      if (!statement.startsWith("{")) throw new Error(`DynamoDB has no ${statement}.`);
      const Item = { pk: { S: crypto.randomUUID() }, program: { S: program }, row: { S: statement } };
      (transaction as DynamodbTransaction).put({ TableName: "effects", Item });
    },
    insert: (row) => JSON.stringify(row),
  });
  return {
    name: "dynamodb",
    grounds: (program) => [groundOn(stores[0], program), groundOn(stores[1], program)],
    async rows(program) {
      const items = (await scanAll(client, "effects")).filter((item) => item["program"]!.S === program);
      const rows = items.map(({ row }) => JSON.parse(row!.S!) as Row);
      return rows.sort((one, other) => one.run - other.run || (one.effect < other.effect ? -1 : 1));
    },
    [Symbol.asyncDispose]: close,
  };
}

/** An emulator with a table of keys and one of effects, and a store for each of two processes: by the SDK, and without it. */
async function openDynamodb() {
  const server = await startMoto();
  const client = dynamodbClient(server.url);
  for (const name of ["keys", "effects"]) await createTable(client, name);
  const [bySdk, withoutSdk] = ways.map(({ open }) => open(server.url)) as [OpenWay, OpenWay];
  const openStore = ({ store }: OpenWay): DynamodbStore => store({ table: "keys", requestMsMax: waitMsMax });
  const close = async (): Promise<void> => {
    for (const one of [client, bySdk, withoutSdk]) one.destroy();
    await server[Symbol.asyncDispose]();
  };
  return { stores: [openStore(bySdk), openStore(withoutSdk)] as const, client, close };
}

/** Keys in DynamoDB, effects anywhere. */
async function leasedInDynamodb(): Promise<Place> {
  const { stores, close } = await openDynamodb();
  return leasedPlace("dynamodb-hold", "hold", stores[1], close);
}

/** Effects are anywhere: in a list that no database rolls back. Both processes have one store. */
function leasedPlace(name: string, onUnknown: "hold" | "look", store: AsyncStore, close: () => Promise<void>): Place {
  const ledger = new Map<string, Row[]>();
  const rowsOf = (program: string): Row[] => {
    const rows = ledger.get(program) ?? [];
    ledger.set(program, rows);
    return rows;
  };
  return {
    name,
    grounds: (program) => {
      const ground: Ground = {
        rules: { mode: "leased", onUnknown, store },
        send: async (_transaction, statement) => void rowsOf(program).push(JSON.parse(statement) as Row),
        insert: (row) => JSON.stringify(row),
      };
      return [ground, ground];
    },
    rows: async (program) => rowsOf(program),
    [Symbol.asyncDispose]: close,
  };
}

/** Every place, by the name that the command knows it by. */
export const places = {
  sqlite: sqlitePlace,
  pg: pgPlace,
  "postgres.js": postgresJsPlace,
  mariadb: mariadbPlace,
  d1: d1Place,
  dynamodb: dynamodbPlace,
  "dynamodb-hold": leasedInDynamodb,
  hold: async () => memoryPlace("hold", "hold"),
  look: async () => memoryPlace("look", "look"),
  "objects-hold": () => objectsPlace("objects-hold", "hold"),
  "objects-look": () => objectsPlace("objects-look", "look"),
} as const satisfies Record<string, () => Promise<Place>>;

export type PlaceName = keyof typeof places;
