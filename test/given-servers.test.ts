/**
 * The store contracts on servers that run already, such as those of compose.yaml. Each is named by an environment
 * variable; without it its cases are skipped, and the title says what to set. All other tests start private servers from
 * the machine's programs, since they kill them, cut their connections and change their settings.
 *
 * NATS has to take messages of 2 MiB (`max_payload`), since results may have one.
 */
import { randomUUID } from "node:crypto";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { createConnection, type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { Client } from "pg";
import { afterAll, beforeAll, describe, test } from "vitest";
import { mariadbStore } from "../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../packages/once-again/src/stores/nats/index.ts";
import { redisStore } from "../packages/once-again/src/stores/redis/index.ts";
import type { Store } from "../packages/once-again/src/stores/store.ts";
import type { ContractCase } from "../packages/testing/src/store-contract/contract-case.ts";
import { storeContract } from "../packages/testing/src/store-contract/store-contract.ts";
import { transactionContract } from "../packages/testing/src/store-contract/transaction-contract.ts";
import { mariadbPool } from "./mariadb/databases.ts";
import { bucketOptions } from "./nats/buckets.ts";
import { execute, pgPool, postgresClients } from "./postgres/databases.ts";
import { waitMsMax as busyMsMax } from "./support/wait-ms-max.ts";

/** A `describe` for the cases on a server, by the variable that has its URL. */
function describeGiven(engine: string, variable: string, casesOn: (server: string) => readonly ContractCase[]): void {
  const server = process.env[variable] ?? "";
  describe.skipIf(server === "")(server === "" ? `${engine}: set ${variable} to its URL` : engine, () => {
    for (const { name, run } of casesOn(server)) test(name, run);
  });
}

/** Databases of a suite's own, which are dropped when it ends. */
function ownDatabases(server: string, run: (statement: string) => Promise<unknown>) {
  const names: string[] = [];
  const create = async (): Promise<string> => {
    const name = `once_again_${randomUUID().slice(0, 8)}`;
    await run(`CREATE DATABASE ${name}`);
    names.push(name);
    const url = new URL(server);
    url.pathname = name;
    return url.href;
  };
  let first: string;
  beforeAll(async () => {
    first = await create();
  });
  afterAll(async () => {
    for (const name of names) await run(`DROP DATABASE ${name}`);
  });
  return { create, first: () => first };
}

describe.for(Object.entries(postgresClients))("PostgreSQL through %s", ([, openStore]) => {
  describeGiven("PostgreSQL", "ONCE_AGAIN_POSTGRES_URL", (server) => {
    const { create, first } = ownDatabases(server, async (statement) => {
      const client = new Client({ connectionString: server });
      await client.connect();
      await client.query(statement).finally(() => client.end());
    });
    const open = async (records: string) => {
      const store = openStore(first(), { tablePrefix: `${records}_`, connectionsMax: 2 });
      await store.migrate();
      return store;
    };
    const openTransactional = async () => {
      const url = await create();
      const store = openStore(url, { connectionsMax: 5 });
      await store.migrate();
      const outside = pgPool(url, { max: 1 });
      await outside.query("CREATE TABLE effects (name text NOT NULL)");
      const effects = async () =>
        (await outside.query<{ name: string }>("SELECT name FROM effects ORDER BY name")).rows.map(({ name }) => name);
      return { store, execute, effects };
    };
    return [...storeContract({ open }), ...transactionContract({ open: openTransactional })];
  });
});

describeGiven("MariaDB", "ONCE_AGAIN_MARIADB_URL", (server) => {
  const { create, first } = ownDatabases(server, async (statement) => {
    const connection = await createConnection(server);
    await connection.query(statement).finally(() => connection.end());
  });
  const open = async (records: string) => {
    const store = mariadbStore(mariadbPool(first(), { connectionLimit: 2 }), { busyMsMax, tablePrefix: `${records}_` });
    await store.migrate();
    return store;
  };
  const openTransactional = async () => {
    const url = await create();
    const store = mariadbStore(mariadbPool(url, { connectionLimit: 5 }), { busyMsMax });
    await store.migrate();
    const outside = mariadbPool(url, { connectionLimit: 1 });
    await outside.query("CREATE TABLE effects (name varchar(255) NOT NULL)");
    return {
      store,
      execute: (connection: Pick<PoolConnection, "query">, statement: string) => connection.query(statement),
      effects: async () =>
        (await outside.query<RowDataPacket[]>("SELECT name FROM effects ORDER BY name"))[0].map((row) => row["name"]),
    };
  };
  return [...storeContract({ open }), ...transactionContract({ open: openTransactional })];
});

describe.for([
  ["Redis", "ONCE_AGAIN_REDIS_URL"],
  ["Valkey", "ONCE_AGAIN_VALKEY_URL"],
] as const)("%s", ([engine, variable]) => {
  describeGiven(engine, variable, (server) => {
    const own = `once-again-${randomUUID().slice(0, 8)}:`;
    afterAll(async () => {
      const client = new Redis(server);
      for await (const keys of client.scanStream({ match: `${own}*` })) {
        if (keys.length > 0) await client.unlink(keys as string[]);
      }
      client.disconnect();
    });
    const open = (records: string): Store => {
      const client = new Redis(server);
      return { ...redisStore(client, { prefix: `${own}${records}:` }), close: async () => client.disconnect() };
    };
    return storeContract({ open });
  });
});

describeGiven("NATS JetStream", "ONCE_AGAIN_NATS_URL", (server) => {
  const names = new Set<string>();
  afterAll(async () => {
    const connection = await connect({ servers: server });
    const buckets = new Kvm(jetstream(connection));
    for (const name of names) await (await buckets.open(name)).destroy();
    await connection.close();
  });
  const open = async (records: string): Promise<Store> => {
    const name = `once-again-${records}`;
    names.add(name);
    const connection = await connect({ servers: server });
    const store = await natsStore(await new Kvm(jetstream(connection)).create(name, bucketOptions));
    return { ...store, close: () => connection.close() };
  };
  return storeContract({ open });
});
