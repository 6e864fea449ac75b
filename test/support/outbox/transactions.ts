import type { Pool as MariadbPool, PoolConnection } from "mysql2/promise";
import type { Pool as PostgresPool, PoolClient } from "pg";
import type {
  DynamodbOutbox,
  DynamodbStore,
  DynamodbTransaction,
} from "../../../packages/once-again/src/stores/dynamodb/index.ts";
import type { NewMessage } from "../../../packages/once-again/src/stores/outbox-store.ts";

/** A transaction of the user's own, and its two ends. */
export interface OwnTransaction<Transaction> {
  readonly transaction: Transaction;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Begins one on a separate connection, which goes back to the pool at the end. */
export async function beginInMariadb(pool: MariadbPool): Promise<OwnTransaction<PoolConnection>> {
  const connection = await pool.getConnection();
  await connection.beginTransaction();
  const end = async (how: "commit" | "rollback"): Promise<void> => {
    await connection[how]();
    connection.release();
  };
  return { transaction: connection, commit: () => end("commit"), rollback: () => end("rollback") };
}

/** The same through `pg`. */
export async function beginInPostgres(pool: PostgresPool): Promise<OwnTransaction<PoolClient>> {
  const client = await pool.connect();
  await client.query("BEGIN");
  const end = async (statement: string): Promise<void> => {
    await client.query(statement);
    client.release();
  };
  return { transaction: client, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
}

/**
 * Transactions of DynamoDB that stay open until commit or rollback. One that meets another is run again by its store: all that was added to it is
 * then added once more.
 */
export function beginInDynamodb(store: Pick<DynamodbStore, "transactUnkeyed">, outbox: Pick<DynamodbOutbox, "add">) {
  const messages = new Map<DynamodbTransaction, NewMessage[]>();
  const add = async (transaction: DynamodbTransaction, message: NewMessage): Promise<string> => {
    const id = await outbox.add(transaction, message);
    messages.get(transaction)?.push({ ...message, id });
    return id;
  };
  const begin = async (): Promise<OwnTransaction<DynamodbTransaction>> => {
    const begun = Promise.withResolvers<DynamodbTransaction>();
    const ended = Promise.withResolvers<"commit" | "rollback">();
    const added: NewMessage[] = [];
    const over = store.transactUnkeyed(async (transaction) => {
      for (const message of added) await outbox.add(transaction, message);
      messages.set(transaction, added);
      begun.resolve(transaction);
      const keep = await ended.promise;
      messages.delete(transaction);
      return { keep, result: new Uint8Array(), value: undefined };
    });
    // An end that fails is that of commit or rollback.
    over.catch(begun.reject);
    const end = async (how: "commit" | "rollback"): Promise<void> => {
      ended.resolve(how);
      await over;
    };
    return { transaction: await begun.promise, commit: () => end("commit"), rollback: () => end("rollback") };
  };
  return { begin, add };
}
