/**
 * Three in the morning: a service is killed with 40 operations under way. Prints the alert, and leaves the 40 held keys to you.
 *
 *     npm run example examples/drill/main.ts [FOLDER]
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sqliteStore } from "once-again/stores/sqlite";

const [folder = "drill"] = process.argv.slice(2);
const count = 40;
mkdirSync(folder, { recursive: true });

const service = spawn(process.execPath, [fileURLToPath(new URL("service.ts", import.meta.url)), folder], {
  stdio: ["ignore", "pipe", "inherit"],
});
for await (const line of createInterface(service.stdout)) {
  if (line.startsWith("http://")) for (let order = 1; order <= count; order += 1) void send(line, order);
  if (line === `under way: ${count}`) break;
}
service.kill("SIGKILL");

const store = sqliteStore({ path: join(folder, "keys.db") });
let held = await store.countHeld!();
while (held.keys < count) {
  await setTimeout(100);
  held = await store.countHeld!();
}
await store.close();
console.log(`[FIRING] Keys are held: ${held.keys}, the oldest for ${Math.ceil((held.oldestMs ?? 0) / 1000)} s.
  Their callers get 409 until a person settles them: docs/guides/three-in-the-morning.md
  export ONCE_AGAIN_STORE=sqlite:${join(folder, "keys.db")}
  The bank's charges: ${join(folder, "bank.txt")}`);

/** An order of one of two tenants, half of them each. Its response is lost with the service. */
async function send(url: string, order: number): Promise<void> {
  const headers = {
    "content-type": "application/json",
    "idempotency-key": `order-${order}`,
    "x-tenant": order % 2 === 0 ? "eu" : "us",
  };
  const body = JSON.stringify({ order, amount: "25.00" });
  await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
}
