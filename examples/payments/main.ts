/**
 * Express and PostgreSQL, and a payment provider that knows nothing of keys: ten payments, while the provider loses
 * responses and the shop is killed in the middle of a charge.
 *
 *     DATABASE_URL=postgres://localhost/test npm run example examples/payments/main.ts
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { exponentialBackoff } from "once-again";
import { retryingFetch } from "once-again/client";

process.env["DATABASE_URL"] ??= "postgres://127.0.0.1:5432/test";
process.env["PORT"] ??= "4600";

const start = async (program: string): Promise<{ child: ChildProcess; said: unknown }> => {
  const child = fork(new URL(program, import.meta.url), { env: process.env });
  const [said] = (await once(child, "message")) as [unknown];
  return { child, said };
};

const provider = await start("provider.ts");
const { url: providerUrl } = provider.said as { url: string };
process.env["PROVIDER_URL"] = providerUrl;

let shop = await start("shop.ts");
let charged = 0;
provider.child.on("message", () => {
  charged += 1;
  if (charged === 5) void crash();
});

/** The provider has charged, and the shop dies before it gets the response. A moment later it is back. */
async function crash(): Promise<void> {
  shop.child.kill("SIGKILL");
  await once(shop.child, "exit");
  console.log("(the shop was killed, and starts again)");
  shop = await start("shop.ts");
}

// The payer has one key for each payment, and asks again until there is a response.
const pay = retryingFetch({
  keys: [`http://127.0.0.1:${process.env["PORT"]}`],
  timeoutMs: 60_000,
  attemptsMax: 100,
  backoff: exponentialBackoff({ baseMs: 100 }),
});
const run = Date.now();
for (let order = 1; order <= 10; order += 1) {
  const response = await pay(`http://127.0.0.1:${process.env["PORT"]}/payments`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-account": "acme", "idempotency-key": `order-${run}-${order}` },
    body: JSON.stringify({ amount: order * 100 }),
  });
  console.log(`order ${order}: ${response.status} ${await response.text()}`);
}

const charges = (await (await fetch(`${providerUrl}/charges`)).json()) as { reference: string }[];
console.log(`${charges.length} charges for ${new Set(charges.map(({ reference }) => reference)).size} orders`);
shop.child.disconnect();
provider.child.kill();
