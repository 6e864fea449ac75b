import { onceWeb } from "once-again/web";
import { NoEffectError } from "once-again/engine";
import { sqliteStore } from "once-again/stores/sqlite";

let attempts = 0;

const orders = onceWeb(
  { store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }), scope: "public" },
  async () => {
    attempts += 1;
    // Nothing has been sent to anybody yet, and we know it. So the key is free again, and a repeat may try.
    if (attempts === 1) throw new NoEffectError("The warehouse is closed for a moment.");
    return Response.json({ attempts }, { status: 201 });
  },
);

for (let time = 1; time <= 2; time += 1) {
  const headers = { "idempotency-key": "order-1" };
  const response = await orders(new Request("http://shop.example/orders", { method: "POST", headers }));
  console.log(response.status, response.headers.get("retry-after") ?? "-");
}
