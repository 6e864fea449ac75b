import type { Pool as MariadbPool, PoolConnection } from "mysql2/promise";
import type { Pool as PostgresPool, PoolClient } from "pg";

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
