import { exponentialBackoff } from "once-again";
import { openIntents } from "once-again/intents";
import { indexeddbIntents, resumeOn } from "once-again/stores/indexeddb";

const api = "https://api.shop.example";

export const intents = openIntents({
  store: indexeddbIntents({
    name: "shop",
    onEvent: ({ type }) => console.warn(`intents: ${type}`),
  }),
  // This server honours keys. Only there is sent again what may have arrived.
  keys: [api],
  // Never on disk: asked for before each attempt, when the token may be another.
  headersAtSend: async () => ({ authorization: `Bearer ${await token()}` }),
  // A person waits in front of the page.
  resumeBackoff: exponentialBackoff({ baseMs: 1000, capMs: 30_000 }),
});

// Goes on with the intents of earlier lives of this page: the same keys, the same bytes.
resumeOn(intents, ["online", "visible", "sync"]);

/** Pays an order: however often it is called, and from however many tabs. */
export async function pay(order: { id: string; amount: number }): Promise<"paid" | "not paid" | "unknown"> {
  const outcome = await intents.submit(`pay ${order.id}`, {
    url: `${api}/payments`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order),
  });
  if (outcome.state === "done") return "paid";
  // Neither a success nor an error: offer no second payment before a person has looked it up.
  return outcome.state === "unknown" ? "unknown" : "not paid";
}

/** Stands for your session. */
async function token(): Promise<string> {
  return "none";
}
