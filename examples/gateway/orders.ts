/** Orders that are executed as often as they are sent: `PORT=8080 npm run example examples/gateway/orders.ts`. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";

let orders = 0;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "GET") return void response.end(`${orders}\n`);
  const order = (await json(request).catch(() => undefined)) as { readonly fail?: boolean } | undefined;
  if (order === undefined) return void response.writeHead(400, { "content-type": "text/plain" }).end("no JSON\n");
  orders += 1;
  if (order.fail) return void response.writeHead(500, { "content-type": "text/plain" }).end("failed\n");
  response.writeHead(201, {
    "content-type": "application/json",
    location: `/orders/${orders}`,
    link: ["</orders>; rel=up", "</terms>; rel=terms-of-service"],
    "set-cookie": `order=${orders}`,
  });
  response.end(JSON.stringify({ id: orders, order }));
}

createServer((request, response) => void answer(request, response)).listen(
  Number(process.env["PORT"] ?? 8080),
  "127.0.0.1",
);
