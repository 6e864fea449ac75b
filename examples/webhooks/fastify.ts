import { fastify } from "fastify";
import { onceFastify } from "once-again/fastify";
import { handle, type OrderEvent, webhooks } from "./webhooks.ts";

const app = fastify();
app.post("/webhooks", onceFastify(webhooks), async (request, reply) => {
  handle(request.body as OrderEvent, request.once);
  return reply.code(204).send();
});
await app.listen({ port: Number(process.env["PORT"] ?? 3000), host: "127.0.0.1" });
console.log("listening");
