import type { PoolClient } from "pg";
import { pool } from "./store.ts";

/** The facts about its operation that the handler needs. */
export interface Operation {
  readonly transaction: Pick<PoolClient, "query">;
}

export interface Charge {
  readonly charge: number;
  readonly amount: number;
}

/** Charges: the row, the key and the response commit together. */
export async function charge({ transaction }: Operation, amount: number): Promise<Charge> {
  const insert = "INSERT INTO charges (amount) VALUES ($1) RETURNING id";
  const { rows } = await transaction.query<{ id: number }>(insert, [amount]);
  return { charge: rows[0]!.id, amount };
}

export async function countCharges(): Promise<number> {
  const { rows } = await pool.query<{ total: number }>("SELECT count(*)::int AS total FROM charges");
  return rows[0]!.total;
}
