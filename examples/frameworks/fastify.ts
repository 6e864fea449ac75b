import { fastify } from "fastify";
import { onceFastify } from "once-again/fastify";
import { sqliteStore } from "once-again/stores/sqlite";

const once = onceFastify({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (request) => String(request.headers["x-account"]),
});

const app = fastify();
app.get("/.well-known/idempotency-key", () => once.policy);
app.post("/orders", once, async (request, reply) => {
  reply.code(201).header("location", "/orders/7");
  return { order: request.body, key: request.once.key };
});

await app.listen({ port: Number(process.env["PORT"] ?? 3000), host: "127.0.0.1" });
console.log("listening");
