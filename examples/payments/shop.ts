import type { IncomingMessage } from "node:http";
import express from "express";
import { onceExpress } from "once-again/express";
import { postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

const provider = process.env["PROVIDER_URL"]!;
const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const store = postgresStore(pool);
await store.migrate();

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();

const once = onceExpress({
  store,
  scope: (request) => accountOf(request)!,
  // Short, to have this example end soon. The defaults are 30 seconds, and whatever your provider's time-out is.
  leaseMs: 2000,
  // An attempt ended without a result: the process died, or the provider's response was lost. The provider knows.
  onUnknown: {
    action: async ({ key }) => {
      // The route requires a key, so there is one.
      const response = await fetch(`${provider}/charges?reference=${encodeURIComponent(key!)}`);
      const [charge] = (await response.json()) as { amount: number }[];
      if (charge !== undefined) return { found: { status: 201, body: JSON.stringify({ charged: charge.amount }) } };
      // Not there, and believed: the last worker's lease has been over for `quiesceMs`, so nothing of it is on its way.
      return { absent: "quiesced" };
    },
    quiesceMs: 1000,
  },
});

const shop = express();
shop.use((request, response, next) => {
  if (accountOf(request) === undefined) response.sendStatus(401);
  else next();
});
shop.post("/payments", once, express.json(), async (request, response) => {
  const { amount } = request.body as { amount: number };
  const charged = await fetch(`${provider}/charges`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reference: response.locals.once!.key, amount }),
  });
  if (!charged.ok) throw new Error(`the provider answered ${charged.status}`);
  response.status(201).json({ charged: amount });
});

// A failure leaves the outcome unknown, and is expected in this example.
shop.use((_error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
  response.status(500).json({ problem: "The provider did not answer." });
});

const server = shop.listen(Number(process.env["PORT"]), "127.0.0.1", (error) => {
  if (error) throw error;
  process.send?.("listening");
});
process.once("disconnect", () => server.close(() => process.exit()));
