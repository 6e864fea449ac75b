import process from "node:process";
import { Client, Pool } from "pg";
import postgresJs from "postgres";
import { type PostgresConnection, postgresQuery } from "../../../../packages/once-again/src/stores/postgres/client.ts";
import { type PostgresStore, postgresStore } from "../../../../packages/once-again/src/stores/postgres/index.ts";
import { waitMsMax as busyMsMax } from "../../../support/wait-ms-max.ts";
import type { OpenOptions, OpenRecords, StoreParts } from "../../store-kit.ts";
import { onClock } from "./on-clock.ts";

type Ways = Record<string, (url: string, prefix: string | undefined, max: number) => PostgresStore<PostgresConnection>>;

function pool(connectionString: string, max: number): Pool {
  return new Pool({ connectionString, max }).on("error", () => undefined);
}

const ways: Ways = {
  pg(url, tablePrefix, max) {
    const opened = pool(url, max);
    return { ...postgresStore(opened, { busyMsMax, tablePrefix }), close: () => opened.end() };
  },
  postgres(url, tablePrefix, max) {
    const sql = postgresJs(url, { max, onnotice: () => undefined });
    return { ...postgresStore(sql, { busyMsMax, tablePrefix }), close: () => sql.end({ timeout: 1 }) };
  },
};

const opener =
  (way: Ways[string]): OpenRecords =>
  async (place, records, { connectionsMax = 2 }: OpenOptions = {}) => {
    const store = way(place, `${records}_`, connectionsMax);
    await store.migrate();
    return store;
  };

async function run(url: string, statement: string, values?: unknown[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement, values).finally(() => client.end());
}

let databases = 0;

export const postgresParts: StoreParts = {
  clients: Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, opener(way)])),
  async onClock(place, records, clock) {
    const opened = pool(place, 10);
    const store = onClock(opened, clock, { tablePrefix: `${records}_` });
    await store.migrate();
    return { ...store, close: () => opened.end() };
  },
  breakRecord: (place, records, { key }) =>
    run(place, `UPDATE ${records}_keys SET attempt = 0 WHERE key = $1`, [Buffer.from(key)]),
  async ownDatabase(place, client) {
    const name = `own_${process.pid}_${(databases += 1)}`;
    await run(place, `CREATE DATABASE ${name}`);
    const url = place.replace(/[^/]+$/, name);
    const store = ways[client]!(url, undefined, 5);
    await store.migrate();
    const outside = pool(url, 1);
    await outside.query("CREATE TABLE effects (name text NOT NULL)");
    return {
      store: store as never,
      open: async () => ways[client]!(url, undefined, 5) as never,
      execute: (transaction: PostgresConnection, statement) => postgresQuery(transaction)(statement),
      effects: async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects ORDER BY name")).rows.map(({ name }) => name),
      async [Symbol.asyncDispose]() {
        await outside.end();
      },
    };
  },
  mistaken: () => {
    const sql = postgresJs("postgres://127.0.0.1:1/none");
    return {
      "a Pool of pg": { client: new Pool(), advice: "postgresStore(pool)" },
      "the sql of postgres": { client: sql, advice: "postgresStore(sql)", close: () => sql.end() },
    };
  },
  make: (client, options) => postgresStore(client as Pool, options),
};
