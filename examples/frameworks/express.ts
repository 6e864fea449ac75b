import type { IncomingMessage } from "node:http";
import express from "express";
import { noEffectErrors, onceExpress } from "once-again/express";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();

const once = onceExpress({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  // The owner of the keys, so that two callers never meet.
  scope: (request) => accountOf(request)!,
});

const app = express();
app.get("/.well-known/idempotency-key", (_request, response) => void response.json(once.policy));
app.use("/orders", (request, response, next) => {
  if (accountOf(request) === undefined) response.sendStatus(401);
  else next();
});
app.post("/orders", once, express.json(), (request, response) => {
  const order: unknown = request.body;
  response.status(201).location("/orders/7").json({ order, key: response.locals.once!.key });
});
app.use(noEffectErrors);

app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", (error) => {
  if (error) throw error;
  console.log("listening");
});
