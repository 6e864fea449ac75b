/** Kills the server between the effect and its response, starts it again, and shows what the caller gets. */
import { retryingFetch } from "once-again/client";
import { countCharges, freePort, startServer } from "./start-server.ts";

const port = await freePort();
const first = await startServer(port, { DIE_AFTER_CHARGE: "yes" });
const charges = await countCharges(first.url);

const fetch = retryingFetch({ keys: [new URL(first.url).origin], timeoutMs: 60_000, attemptsMax: 20 });
const calling = fetch(first.url, {
  method: "POST",
  headers: { authorization: "Bearer secret", "content-type": "application/json" },
  body: JSON.stringify({ amount: 420 }),
});

await first.ended;
console.log("killed, between the charge and its response");
const second = await startServer(port);
const response = await calling;
console.log(`the repeat gets: ${response.status} ${await response.text()}`);
console.log(`charges: ${(await countCharges(second.url)) - charges}`);
await second.stop();
