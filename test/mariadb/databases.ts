import { createPool, type Pool, type PoolConnection, type PoolOptions } from "mysql2/promise";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import { mariadbStore, type MariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import type { MariadbStoreOptions } from "../../packages/once-again/src/stores/mariadb/store.ts";
import { clock as serverTime } from "../../packages/once-again/src/stores/mariadb/statements.ts";
import { startMariadb } from "../support/servers/mariadb.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";

/** A pool of mysql2, until the running test ends. */
export function mariadbPool(url: string, options: PoolOptions = {}): Pool {
  const pool = createPool({ uri: url, ...options });
  // A connection that the test has cut can't say goodbye.
  onTestFinished(() => pool.end().catch(() => undefined));
  return pool;
}

/** A store with a server that seems to have another clock: its statements are given the time instead of asking for it. */
export function onClock(pool: Pool, clock: Clock, options: MariadbStoreOptions): MariadbStore<PoolConnection> {
  return mariadbStore(
    {
      query: (statement: string, values?: unknown[]) => pool.query(statement, values),
      getConnection: async () => {
        const connection = await pool.getConnection();
        const query = (statement: string, values?: unknown[]) =>
          connection.query(statement.replaceAll(serverTime, String(clock.now())), values);
        return {
          query,
          release: () => connection.release(),
          destroy: () => connection.destroy(),
        } as unknown as PoolConnection;
      },
    },
    options,
  );
}

export interface Databases {
  server(): PrivateServer;
  /** The URL of a new database. */
  create(): Promise<string>;
}

/** A private server for the tests of one file. */
export function databases(): Databases {
  let server: PrivateServer;
  let count = 0;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return {
    server: () => server,
    async create() {
      count += 1;
      const pool = createPool({ uri: server.url });
      await pool.query(`CREATE DATABASE test_${count}`);
      await pool.end();
      return server.url.replace(/[^/]+$/, `test_${count}`);
    },
  };
}
