import { fastify } from "fastify";
import { onceFastify } from "once-again/fastify";
import { accountOf } from "./accounts.ts";
import { countCharges, type Operation } from "./charges.ts";
import { closeAtSigterm } from "./close-at-sigterm.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

const once = onceFastify({
  ...options,
  // The account that owns the keys: two accounts never share one.
  scope: (request) => accountOf(request.headers.authorization)!,
});

const app = fastify();
app.addHook("onRequest", async (request, reply) => {
  if (accountOf(request.headers.authorization) === undefined) await reply.code(401).send();
});
app.get("/charges", async () => ({ charges: await countCharges() }));
app.post("/charges", once, async (request, reply) => {
  const { amount } = request.body as { amount: number };
  const operation: Operation = request.once;
  return reply.code(201).send(await pay(operation, amount));
});

const port = Number(process.env["PORT"] ?? 3000);
await app.listen({ port, host: "127.0.0.1" });
console.log(`listening on port ${port}`);
closeAtSigterm(app.server, once);
