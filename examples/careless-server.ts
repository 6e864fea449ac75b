/**
 * A server that does idempotency keys as one does on a Friday: `npm run example examples/careless-server.ts`, and then
 * `npx @once-again/tools verify http://127.0.0.1:3001/orders --effects http://127.0.0.1:3001/count` finds what is wrong with it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

const answers = new Map<string, string>();
let orders = 0;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/count") return void response.end(`${orders}`);

  // By the key alone, for every sender and body. In upper case, since "keys are hexadecimal anyway".
  const key = request.headers["idempotency-key"]?.toString().toUpperCase().slice(0, 64);
  const known = answers.get(key ?? "");
  // Only the body is stored: no status, no headers. And a key that was asked for once is forgotten.
  if (key !== undefined && known !== undefined) {
    answers.delete(key);
    return void response.end(known);
  }
  const body = await text(request).catch(() => "{}");
  // Between the question above and the answer below, everyone else may ask too.
  await setTimeout(50);
  orders += 1;
  const made = JSON.stringify({ order: orders, body });
  // The answer to a caller that hung up is not stored.
  if (key !== undefined && !request.socket.destroyed) answers.set(key, made);
  response.writeHead(201, { "content-type": "application/json", location: `/orders/${orders}` }).end(made);
}

const server = createServer((request, response) => void answer(request, response));
server.listen(Number(process.env["PORT"] ?? 3001), "127.0.0.1", () => console.log("listening", server.address()));
