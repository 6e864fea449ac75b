import { type DurableContext, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { onceDurable } from "once-again/lambda";
import { sqliteStore } from "once-again/stores/sqlite";

interface Order {
  readonly id: string;
  readonly amount: number;
}

/** Stands for a payment provider that honours keys: one that comes again charges nothing. */
const charges = new Map<string, number>();
const provider = {
  async charge({ amount }: Order, { idempotencyKey }: { idempotencyKey: string }): Promise<string> {
    if (!charges.has(idempotencyKey)) charges.set(idempotencyKey, amount);
    return `receipt of ${amount}`;
  },
};

export const countCharges = (): number => charges.size;

export const handler = withDurableExecution(
  onceDurable(
    {
      // In the cloud, a store that all processes of the function share.
      store: sqliteStore({ path: process.env["ORDERS_DB"] ?? "orders.db" }),
      scope: "order",
      key: (order: Order) => order.id,
      // 16 random bytes, the same in every process.
      secret: new Uint8Array(Buffer.from(process.env["STEP_SECRET"] ?? "", "hex")),
    },
    async (order, { stepKey }, context: DurableContext) => {
      const receipt = await context.step("charge", async () =>
        provider.charge(order, { idempotencyKey: await stepKey("charge") }),
      );
      // Suspended: the process may end. Another one runs this from the beginning, and its step "charge" has its result.
      await context.wait({ seconds: 1 });
      return { order: order.id, receipt };
    },
  ),
);
