import type { PoolConnection, ResultSetHeader, RowDataPacket } from "mysql2/promise";
import { pool } from "./store.ts";

/** The facts about its operation that the handler needs. */
export interface Operation {
  readonly transaction: Pick<PoolConnection, "query">;
}

export interface Charge {
  readonly charge: number;
  readonly amount: number;
}

/** Charges: the row, the key and the response commit together. */
export async function charge({ transaction }: Operation, amount: number): Promise<Charge> {
  const [{ insertId }] = await transaction.query<ResultSetHeader>("INSERT INTO charges (amount) VALUES (?)", [amount]);
  return { charge: insertId, amount };
}

export async function countCharges(): Promise<number> {
  const [rows] = await pool.query<RowDataPacket[]>("SELECT count(*) AS total FROM charges");
  return Number(rows[0]!["total"]);
}
