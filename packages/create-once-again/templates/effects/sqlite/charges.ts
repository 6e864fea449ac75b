import { DatabaseSync } from "node:sqlite";
import { path } from "./store.ts";

/** The facts about its operation that the handler needs. */
export interface Operation {
  readonly transaction: DatabaseSync;
}

export interface Charge {
  readonly charge: number;
  readonly amount: number;
}

const database = new DatabaseSync(path, { timeout: 5000 });
database.exec("CREATE TABLE IF NOT EXISTS charges (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT");

/** Charges: the row, the key and the response commit together. */
export async function charge({ transaction }: Operation, amount: number): Promise<Charge> {
  const { lastInsertRowid } = transaction.prepare("INSERT INTO charges (amount) VALUES (?)").run(amount);
  return { charge: Number(lastInsertRowid), amount };
}

export async function countCharges(): Promise<number> {
  return Number(database.prepare("SELECT count(*) AS total FROM charges").get()?.["total"]);
}
