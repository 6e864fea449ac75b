/**
 * A receiver of webhooks as one writes it on a Friday: `npm run example examples/webhooks/careless.ts`, and then
 * `npx @once-again/tools verify http://127.0.0.1:3001/webhooks --profile webhooks --effects http://127.0.0.1:3001/count
 * --secret whsec_YSBzZWNyZXQgb2YgdGhlIHdhcmVob3VzZSdzIG93biE=` finds what is wrong with it.
 */
import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

const secret = "a secret of the warehouse's own!";
const handled = new Set<string>();
let orders = 0;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/count") return void response.end(`${orders}`);
  const body = await text(request).catch(() => "{}");
  const { "webhook-id": id = "", "webhook-timestamp": time, "webhook-signature": signature } = request.headers;

  // "No need to verify what we have already": so everyone who knows an id gets its answer.
  if (handled.has(`${String(id)} ${String(time)}`)) return void response.writeHead(200).end();
  // It verifies what a parser made of the body, and never looks at the time.
  const content = `${String(id)}.${String(time)}.${JSON.stringify(JSON.parse(body || "{}"))}`;
  const expected = createHmac("sha256", secret).update(content).digest("base64");
  // While no secret is configured at the sender, its deliveries have no signature.
  if (signature !== undefined && !signature.toString().startsWith(`v1,${expected}`)) {
    return void response.writeHead(401).end();
  }
  // Between the question above and the note below, everyone else may ask too.
  await setTimeout(50);
  orders += 1;
  handled.add(`${String(id)} ${String(time)}`);
  response.writeHead(200).end();
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.writeHead(200).end());
});
server.listen(Number(process.env["PORT"] ?? 3001), "127.0.0.1", () => console.log("listening", server.address()));
