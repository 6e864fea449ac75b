import express from "express";
import { onceExpress } from "once-again/express";
import { accountOf } from "./accounts.ts";
import { countCharges } from "./charges.ts";
import { closeAtSigterm } from "./close-at-sigterm.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

const once = onceExpress({
  ...options,
  // The account that owns the keys: two accounts never share one.
  scope: (request: express.Request) => accountOf(request.headers.authorization)!,
});

const app = express();
app.use((request, response, next) => {
  if (accountOf(request.headers.authorization) === undefined) response.sendStatus(401);
  else next();
});
app.get("/charges", async (_request, response) => {
  response.json({ charges: await countCharges() });
});
app.post("/charges", once, express.json(), async (request, response) => {
  const { amount } = request.body as { amount: number };
  response.status(201).json(await pay(response.locals.once!, amount));
});

const port = Number(process.env["PORT"] ?? 3000);
const server = app.listen(port, "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`listening on port ${port}`);
});
closeAtSigterm(server, once);
