import { createPool, type Pool, type PoolOptions } from "mysql2/promise";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { startMariadb } from "../support/servers/mariadb.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";

/** A pool of mysql2, until the running test ends. */
export function mariadbPool(url: string, options: PoolOptions = {}): Pool {
  const pool = createPool({ uri: url, ...options });
  // A connection that the test has cut can't say goodbye.
  onTestFinished(() => pool.end().catch(() => undefined));
  return pool;
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
