import { exponentialBackoff } from "once-again";
import { openIntents } from "once-again/intents";
import { sqliteIntents } from "once-again/stores/sqlite";

const [url = "", path = ""] = process.argv.slice(2);
const store = sqliteIntents({ path });
const intents = openIntents({
  store,
  // This server honours keys. Only to such a server is sent again what may have arrived.
  keys: [new URL(url).origin],
  concurrency: 2,
  // Short, to have this example end soon: a killed app's intents are free again after this.
  leaseMs: 500,
  pollMs: 50,
  attemptsMax: 100,
  backoff: exponentialBackoff({ baseMs: 20, capMs: 200 }),
  // A token is never on disk: it is asked for before each attempt.
  headersAtSend: () => ({ authorization: "Bearer of-this-moment" }),
});

// Continues what an earlier life of the app left behind: the same keys, the same bytes.
const resumed = intents.resume();

const basket = ["tea", "cups", "sugar", "milk", "spoons", "biscuits", "a kettle", "napkins"];
await Promise.all(
  basket.map(async (item) => {
    const outcome = await intents.submit(`order of ${item}`, {
      url: `${url}/orders`,
      headers: { "content-type": "application/json", "x-account": "acme" },
      body: JSON.stringify({ item }),
    });
    console.log(`${item}: ${outcome.state === "done" ? outcome.answer.status : outcome.state}`);
    process.send?.(item);
  }),
);

await resumed;
await intents.close();
await store.close();
process.disconnect?.();
