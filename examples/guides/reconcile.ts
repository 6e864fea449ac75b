import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for a bank that knows its charges by the key they were made with. */
const bank = new Map<string, number>();

const charges = onceWeb(
  {
    store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
    scope: "public",
    // If an attempt ended without a result, this is called before the handler runs again.
    // The route requires a key, so there is one.
    onUnknown: {
      action: async ({ key }) => {
        const amount = bank.get(key!);
        if (amount !== undefined) return { found: { status: 201, body: `charged ${amount}` } };
        // Not there. That is believed only because the lease has been over for `quiesceMs`: a request of the first
        // attempt that was still on its way to the bank has arrived by now, or never will.
        return { absent: "quiesced" };
      },
      quiesceMs: 30_000,
    },
  },
  async (_request, { key }) => {
    bank.set(key!, 420);
    // The bank has charged, and its response is lost.
    throw new Error("the connection to the bank broke");
  },
);

const send = (): Promise<Response> =>
  charges(new Request("http://shop.example/charges", { method: "POST", headers: { "idempotency-key": "order-1" } }));
console.log((await send()).status);
// Until `quiesceMs` is over, a repeat gets 409 and `Retry-After`; then the charge is found.
const repeat = await send();
console.log(repeat.status, repeat.headers.get("retry-after"));
