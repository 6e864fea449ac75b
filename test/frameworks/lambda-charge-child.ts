import { appendFileSync } from "node:fs";
import process from "node:process";
import { onceLambda } from "../../packages/once-again/src/frameworks/lambda/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";

// Functions of Lambda with an effect each: a line of a file, or a row beside the key. An event says where they stand still.

/** A charge, and where its function stands still: before its effect, or after it. */
export interface ChargeEvent {
  readonly id: string;
  readonly hangs?: "before" | "after" | undefined;
}

const { KEYS: path = "", EFFECTS: effects = "" } = process.env;
const store = sqliteStore({ path });
const forever = new Promise<never>(() => undefined);
const say = (text: string): void => appendFileSync(effects, `${text}\n`);

const charge = async ({ id, hangs }: ChargeEvent): Promise<{ charged: string }> => {
  say(`began ${id}`);
  if (hangs === "before") await forever;
  say(`charged ${id}`);
  if (hangs === "after") await forever;
  return { charged: id };
};
const covered = ({ id }: ChargeEvent): unknown => id;
const byId = { store, key: covered as (event: ChargeEvent) => string, fingerprint: covered };

export const leased = onceLambda({ ...byId, scope: "leased" }, charge);

export const looking = onceLambda(
  {
    ...byId,
    scope: "looking",
    // The charges are a file, which can be looked at.
    onUnknown: async (_execution, { id }) => {
      const { readFileSync } = await import("node:fs");
      const isThere = readFileSync(effects, "utf8").includes(`charged ${id}\n`);
      return isThere ? { found: { charged: id } } : { absent: "quiesced" };
    },
    quiesceMs: 1,
  },
  charge,
);

export const transactional = onceLambda(
  { ...byId, mode: "transactional", scope: "transactional" },
  async ({ id, hangs }: ChargeEvent, { transaction }) => {
    say(`began ${id}`);
    transaction.prepare("INSERT INTO charges VALUES (?)").run(id);
    if (hangs !== undefined) await forever;
    return { charged: id };
  },
);
