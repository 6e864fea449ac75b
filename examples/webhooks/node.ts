import { createServer } from "node:http";
import { onceNode } from "once-again/node";
import { handle, type OrderEvent, webhooks } from "./webhooks.ts";

const receive = onceNode(webhooks, (_request, response, execution) => {
  handle(JSON.parse(execution.body.toString()) as OrderEvent, execution);
  response.writeHead(204).end();
});
const server = createServer((request, response) => void receive(request, response));
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening"));
