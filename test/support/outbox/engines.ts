import { DatabaseSync } from "node:sqlite";
import { ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { createPool } from "mysql2/promise";
import { Pool } from "pg";
import {
  dynamodbOutbox,
  type DynamodbOutbox,
  dynamodbStore,
  type DynamodbTransaction,
} from "../../../packages/once-again/src/stores/dynamodb/index.ts";
import { semaphore } from "../../../packages/once-again/src/core/semaphore.ts";
import { mariadbOutbox } from "../../../packages/once-again/src/stores/mariadb/index.ts";
import { postgresOutbox } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteOutbox } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import type { OutboxFixture } from "../../../packages/testing/src/outbox-contract/outbox-case.ts";
import { createTable, dynamodbClient } from "../dynamodb/tables.ts";
import { beginInDynamodb, beginInMariadb, beginInPostgres, type OwnTransaction } from "./transactions.ts";
import { waitMsMax } from "../wait-ms-max.ts";

/** An outbox in a database, and transactions of that database, which it makes its table in. */
export interface EngineOutbox extends OutboxFixture<never> {
  migrate(): Promise<void>;
}

export type EngineName = "dynamodb" | "mariadb" | "postgres" | "sqlite";

/** How each is opened: by the database's URL or path, with so many transactions at a time. */
export const outboxEngines: Readonly<
  Record<EngineName, (database: string, options?: { transactionsMax?: number | undefined }) => EngineOutbox>
> = {
  dynamodb: (url) => onDynamodb(url),
  mariadb: (database, { transactionsMax = 4 } = {}) => onMariadb(database, transactionsMax),
  postgres: (database, { transactionsMax = 4 } = {}) => onPostgres(database, transactionsMax),
  sqlite: (database) => onSqlite(database),
};

/** The table of the outboxes in DynamoDB. */
export const messagesTable = "messages";

function onDynamodb(url: string): EngineOutbox {
  const client = dynamodbClient(url);
  const outbox = dynamodbOutbox(client, { table: messagesTable, requestMsMax: waitMsMax });
  const store = dynamodbStore(client, { table: messagesTable, requestMsMax: waitMsMax });
  const { begin, ...fixture } = dynamodbFixture(store, outbox);
  // Of more, those that add to one key would wait longer for each other than a request may take.
  const places = semaphore(16);
  const inPlace = async (end: () => Promise<void>): Promise<void> => end().finally(() => places.leave());
  return {
    ...(fixture as OutboxFixture<never>),
    async begin() {
      await places.take();
      const { transaction, commit, rollback } = await begin();
      return {
        transaction: transaction as never,
        commit: () => inPlace(commit),
        rollback: () => inPlace(rollback),
      };
    },
    async migrate() {
      const { TableNames = [] } = await client.send(new ListTablesCommand({}));
      if (!TableNames.includes(messagesTable)) await createTable(client, messagesTable);
    },
    close: async () => client.destroy(),
  };
}

/** An outbox of DynamoDB, and transactions of a store that are open until they are ended. */
export function dynamodbFixture(
  store: Parameters<typeof beginInDynamodb>[0],
  outbox: DynamodbOutbox,
): Omit<OutboxFixture<DynamodbTransaction>, "close"> {
  const { begin, add } = beginInDynamodb(store, outbox);
  return { outbox: { ...outbox, add }, begin };
}

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
