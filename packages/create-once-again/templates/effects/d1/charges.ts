import { env } from "cloudflare:workers";
import type { D1Transaction } from "once-again/cloudflare";

/** The facts about its operation that the handler needs. */
export interface Operation {
  readonly transaction: D1Transaction;
}

export interface Charge {
  readonly charge: string;
  readonly amount: number;
}

/** Charges: the row, the key and the response are one batch, which is executed when the handler has ended. */
export async function charge({ transaction }: Operation, amount: number): Promise<Charge> {
  const charge = crypto.randomUUID();
  transaction.run("INSERT INTO charges (id, amount) VALUES (?, ?)", charge, amount);
  return { charge, amount };
}

export async function countCharges(): Promise<number> {
  const row = await env.DB.prepare("SELECT count(*) AS total FROM charges").first<{ total: number }>();
  return row?.total ?? 0;
}
