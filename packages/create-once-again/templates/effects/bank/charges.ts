import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** The facts about its operation that the handler needs. */
export interface Operation {
  readonly scope: string;
  readonly key: string | undefined;
}

export interface Charge {
  readonly charge: string;
  readonly amount: number;
}

// Stands for your payment provider: a file with a line for each charge. As providers do, it makes one charge for a key.
const bank = "bank.ndjson";

const nameOf = ({ scope, key }: Operation): string => `${scope}/${key}`;

function allCharges(): Charge[] {
  if (!existsSync(bank)) return [];
  const lines = readFileSync(bank, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Charge);
}

/** Charges. The effect is elsewhere, so its key goes along. */
export async function charge(operation: Operation, amount: number): Promise<Charge> {
  const known = await findCharge(operation);
  if (known !== undefined) return known;
  const made = { charge: nameOf(operation), amount };
  appendFileSync(bank, `${JSON.stringify(made)}\n`);
  return made;
}

/** Looks up whether an operation has charged. */
export async function findCharge(operation: Operation): Promise<Charge | undefined> {
  return allCharges().find(({ charge }) => charge === nameOf(operation));
}

export async function countCharges(): Promise<number> {
  return allCharges().length;
}
