import { type Charge, charge, type Operation } from "./charges.ts";

/** The handler behind the route, the same in every framework. It runs once for each key. */
export async function pay(operation: Operation, amount: number): Promise<Charge> {
  const made = await charge(operation, amount);
  // For kill.ts: the process dies between the effect and its response.
  if (process.env["DIE_AFTER_CHARGE"] === "yes") process.kill(process.pid, "SIGKILL");
  return made;
}
