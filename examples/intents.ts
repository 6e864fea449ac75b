import { openIntents } from "once-again/intents";
import { sqliteIntents } from "once-again/stores/sqlite";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const store = sqliteIntents({ path: process.env["INTENTS_DB"] ?? "intents.db" });
const intents = openIntents({
  store,
  // This server honours keys. Only to such a server is sent again what may have arrived.
  keys: [new URL(url).origin],
  // Never on disk: asked for before each attempt.
  headersAtSend: () => ({ authorization: `Bearer ${process.env["TOKEN"] ?? "none"}` }),
});

// Whatever an earlier life of this process left: the same keys, the same bytes.
const resumed = intents.resume();

// "order-42" is our own name for it. Run this program twice, or kill it halfway: the order is made once.
const outcome = await intents.submit("order-42", {
  url,
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});

if (outcome.state === "done") console.log(outcome.answer.status, new TextDecoder().decode(outcome.answer.body));
else console.log(outcome.state, outcome.why);

await resumed;
await intents.close();
await store.close();
