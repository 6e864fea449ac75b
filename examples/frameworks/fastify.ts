import type { IncomingMessage } from "node:http";
import { fastify } from "fastify";
import { onceFastify } from "once-again/fastify";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: Pick<IncomingMessage, "headers">): string | undefined =>
  headers["x-account"]?.toString();

const once = onceFastify({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (request) => accountOf(request)!,
});

const app = fastify();
app.get("/.well-known/idempotency-key", () => once.policy);
app.addHook("onRequest", async (request, reply) => {
  if (request.method === "POST" && accountOf(request) === undefined) await reply.code(401).send();
});
app.post("/orders", once, async (request, reply) => {
  reply.code(201).header("location", "/orders/7");
  return { order: request.body, key: request.once.key };
});

await app.listen({ port: Number(process.env["PORT"] ?? 3000), host: "127.0.0.1" });
console.log("listening");
