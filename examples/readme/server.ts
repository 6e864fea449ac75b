import express from "express";
import { onceExpress } from "once-again/express";
import { sqliteStore } from "once-again/stores/sqlite";

// Stands for your sign-in: the account of each token.
const accounts = new Map([["Bearer secret", "acme"]]);
const accountOf = (authorization = "") => accounts.get(authorization);

const store = sqliteStore({ path: "keys.db" });
const once = onceExpress({ store, scope: ({ headers }) => accountOf(headers.authorization)! });
let orders = 0;

const app = express();
app.use(({ headers }, response, next) => {
  if (accountOf(headers.authorization) === undefined) response.sendStatus(401);
  else next();
});
app.post("/orders", once, express.json(), (request, response) => {
  response.status(201).json({ number: (orders += 1), order: request.body });
});
app.listen(3000, "127.0.0.1");
