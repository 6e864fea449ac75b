import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { onceLambda } from "once-again/lambda";
import { sqliteStore } from "once-again/stores/sqlite";

interface Order {
  readonly id: string;
  readonly amount: number;
}

interface Receipt {
  readonly order: string;
}

/** Stands for a payment provider, which can say whether it has a charge. */
const provider = {
  async charge({ id, amount }: Order): Promise<Receipt> {
    appendFileSync("charges.txt", `${id} ${amount}\n`);
    // The card is charged, and the answer takes its time.
    await setTimeout(500);
    return { order: id };
  },
  async find({ id }: Order): Promise<Receipt | undefined> {
    const charges = existsSync("charges.txt") ? readFileSync("charges.txt", "utf8") : "";
    return charges.split("\n").some((line) => line.startsWith(`${id} `)) ? { order: id } : undefined;
  },
};

export const handler = onceLambda(
  {
    // In the cloud, a store that all processes of the function share.
    store: sqliteStore({ path: "keys.db" }),
    scope: "charge",
    key: (order: Order) => order.id,
    // An earlier attempt ended without a word. Its charge may come a little later than the process ended.
    quiesceMs: 1000,
    onUnknown: async (_execution, order) => {
      const receipt = await provider.find(order);
      return receipt === undefined ? { absent: "quiesced" } : { found: receipt };
    },
  },
  async (order) => provider.charge(order),
);
