import { env } from "cloudflare:workers";

/** The facts about its operation that the handler needs. */
export interface Operation {
  readonly scope: string;
  readonly key: string | undefined;
}

export interface Charge {
  readonly charge: string;
  readonly amount: number;
}

// The table stands for your payment provider. As providers do, it makes one charge for a key.
const nameOf = ({ scope, key }: Operation): string => `${scope}/${key}`;

/** Charges. The effect is elsewhere, so its key goes along. */
export async function charge(operation: Operation, amount: number): Promise<Charge> {
  const made = { charge: nameOf(operation), amount };
  await env.DB.prepare("INSERT INTO charges (id, amount) VALUES (?, ?) ON CONFLICT DO NOTHING")
    .bind(made.charge, amount)
    .run();
  return (await findCharge(operation)) ?? made;
}

/** Looks up whether an operation has charged. */
export async function findCharge(operation: Operation): Promise<Charge | undefined> {
  const found = env.DB.prepare("SELECT id AS charge, amount FROM charges WHERE id = ?").bind(nameOf(operation));
  return (await found.first<Charge>()) ?? undefined;
}

export async function countCharges(): Promise<number> {
  const row = await env.DB.prepare("SELECT count(*) AS total FROM charges").first<{ total: number }>();
  return row?.total ?? 0;
}
