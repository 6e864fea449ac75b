import { DatabaseSync } from "node:sqlite";
import { createPool } from "mysql2/promise";
import { Pool } from "pg";
import { mariadbOutbox } from "../../../packages/once-again/src/stores/mariadb/index.ts";
import { postgresOutbox } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteOutbox } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import type { OutboxFixture } from "../../../packages/testing/src/outbox-contract/outbox-case.ts";
import { beginInMariadb, beginInPostgres, type OwnTransaction } from "./transactions.ts";

/** An outbox in a database, and transactions of that database, which it makes its table in. */
export interface EngineOutbox extends OutboxFixture<never> {
  migrate(): Promise<void>;
}

export type EngineName = "mariadb" | "postgres" | "sqlite";

/** How each is opened: by the database's URL or path, with so many transactions at a time. */
export const outboxEngines: Readonly<
  Record<EngineName, (database: string, options?: { transactionsMax?: number | undefined }) => EngineOutbox>
> = {
  mariadb: (database, { transactionsMax = 4 } = {}) => onMariadb(database, transactionsMax),
  postgres: (database, { transactionsMax = 4 } = {}) => onPostgres(database, transactionsMax),
  sqlite: (database) => onSqlite(database),
};

function onMariadb(uri: string, connectionLimit: number): EngineOutbox {
  const pool = createPool({ uri, connectionLimit });
  const outbox = mariadbOutbox(pool);
  return {
    outbox,
    migrate: () => outbox.migrate(),
    begin: () => beginInMariadb(pool) as Promise<OwnTransaction<never>>,
    close: () => pool.end(),
  };
}

function onPostgres(connectionString: string, max: number): EngineOutbox {
  const pool = new Pool({ connectionString, max });
  pool.on("error", () => undefined);
  const outbox = postgresOutbox(pool);
  return {
    outbox,
    migrate: () => outbox.migrate(),
    begin: () => beginInPostgres(pool) as Promise<OwnTransaction<never>>,
    close: () => pool.end(),
  };
}

function onSqlite(path: string): EngineOutbox {
  const outbox = sqliteOutbox({ path });
  const database = new DatabaseSync(path, { timeout: 10_000 });
  let last = Promise.resolve();
  return {
    outbox,
    migrate: async () => undefined,
    async begin() {
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      await before;
      database.exec("BEGIN IMMEDIATE");
      const end = async (statement: string): Promise<void> => {
        database.exec(statement);
        resolve();
      };
      return { transaction: database as never, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
    },
    async close() {
      await outbox.close();
      database.close();
    },
  };
}
