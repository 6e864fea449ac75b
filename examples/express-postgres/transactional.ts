import express from "express";
import { onceExpress } from "once-again/express";
import { postgresStore } from "once-again/stores/postgres";
import { Pool } from "pg";

const pool = new Pool({ database: "shop" });
await pool.query("CREATE TABLE IF NOT EXISTS charges (id serial PRIMARY KEY, amount integer NOT NULL)");
const store = postgresStore(pool);
await store.migrate();

// Stands for your sign-in: the account of each token.
const accounts = new Map([["Bearer secret", "acme"]]);
const accountOf = (authorization = "") => accounts.get(authorization);

const once = onceExpress({
  mode: "transactional",
  store,
  scope: ({ headers }) => accountOf(headers.authorization)!,
});

const app = express();
app.use(({ headers }, response, next) => {
  if (accountOf(headers.authorization) === undefined) response.sendStatus(401);
  else next();
});
app.post("/charges", once, express.json(), async (request, response) => {
  const { amount } = request.body as { amount: number };
  // The transaction that the key is in. It commits when the response is stored.
  const { rows } = await response.locals.once!.transaction.query<{ id: number }>(
    "INSERT INTO charges (amount) VALUES ($1) RETURNING id",
    [amount],
  );
  response.status(201).json({ charge: rows[0]?.id });
});
app.listen(3000, "127.0.0.1", (error) => {
  if (error) throw error;
  console.log("listening on port 3000");
});
