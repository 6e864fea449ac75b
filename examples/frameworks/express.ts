import express from "express";
import { noEffectErrors, onceExpress } from "once-again/express";
import { sqliteStore } from "once-again/stores/sqlite";

const once = onceExpress({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  // Whose keys these are. In earnest: the account that the request's credentials belong to.
  scope: (request) => String(request.headers["x-account"]),
});

const app = express();
app.get("/.well-known/idempotency-key", (_request, response) => void response.json(once.policy));
app.post("/orders", once, express.json(), (request, response) => {
  const order: unknown = request.body;
  response.status(201).location("/orders/7").json({ order, key: response.locals.once?.key });
});
app.use(noEffectErrors);

app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening"));
