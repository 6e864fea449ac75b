import { Client, Pool, type PoolConfig } from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { type PostgresConnection, postgresQuery } from "../../packages/once-again/src/stores/postgres/client.ts";
import { type PostgresStore, postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import type { PostgresStoreOptions } from "../../packages/once-again/src/stores/postgres/store.ts";
import { startPostgres, type PostgresOptions } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

/** How a store is opened for a test. */
export interface OpenOptions extends PostgresStoreOptions {
  /** How many connections its pool has. */
  connectionsMax?: number;
}

type Open = (url: string, options?: OpenOptions) => PostgresStore<PostgresConnection>;

/** A busy machine takes longer than the 5 s of a store. */
const patient = { busyMsMax: waitMsMax };

/** The ways to a store that users have; the pool is closed when the running test ends. */
export const postgresClients: Readonly<Record<string, Open>> = {
  pg: (url, { connectionsMax = 10, ...options } = {}) =>
    postgresStore(pgPool(url, { max: connectionsMax }), { ...patient, ...options }),
  postgres: (url, { connectionsMax = 10, ...options } = {}) => {
    const sql = postgres(url, { max: connectionsMax, onnotice: () => undefined });
    onTestFinished(() => sql.end({ timeout: 1 }));
    return postgresStore(sql, { ...patient, ...options });
  },
};

/** A Pool of pg, until the running test ends. */
export function pgPool(url: string, config: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString: url, ...config });
  pool.on("error", () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}

/** Runs a statement on the connection that a handler is given. */
export const execute = async (connection: PostgresConnection, statement: string): Promise<readonly unknown[]> =>
  postgresQuery(connection)(statement);

export interface Databases {
  server(): PrivateServer;
  /** The URL of a new database. */
  create(): Promise<string>;
}

/** A private server for the tests of one file. */
export function databases(options: PostgresOptions = {}): Databases {
  let server: PrivateServer;
  let count = 0;
  beforeAll(async () => {
    server = await startPostgres(options);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return {
    server: () => server,
    async create() {
      count += 1;
      const client = new Client({ connectionString: server.url });
      await client.connect();
      await client.query(`CREATE DATABASE test_${count}`);
      await client.end();
      return server.url.replace(/[^/]+$/, `test_${count}`);
    },
  };
}
