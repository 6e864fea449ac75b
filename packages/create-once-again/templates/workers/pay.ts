import { env } from "cloudflare:workers";
import { type Charge, charge, type Operation } from "./charges.ts";

/** The handler behind the route, the same in every framework. It runs once for each key. */
export async function pay(operation: Operation, amount: number): Promise<Charge> {
  const made = await charge(operation, amount);
  // For kill.ts: dev.ts kills the runtime when it reads this line, between the effect and its response.
  if (env.DIE_AFTER_CHARGE === "yes") {
    console.log("charged");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  return made;
}
