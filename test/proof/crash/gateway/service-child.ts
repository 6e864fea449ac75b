/** A careless service: an effect for each order that it is sent. After some of them it dies, at any byte of its answer. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { seededRandom } from "../../../../packages/once-again/src/core/random.ts";
import { append, readLines } from "../evidence.ts";
import { answerOf, type DeathPlace, deathPlaces, type Effect, lookupPath, pathOf, type ServiceTask } from "./orders.ts";

const { life, port, ledger, deaths, seed, ordersPerLife } = JSON.parse(process.argv[2]!) as ServiceTask;
const number = Number(life.split(".").at(-1));
const random = seededRandom(seed + number);
const effects = new Map(readLines<Effect>(ledger).map((effect) => [effect.key, effect]));

/** The place of each death is the next one in turn, its time and its byte are drawn. */
const place = deathPlaces[number % deathPlaces.length]!;
let ordersLeft = 1 + Math.floor(random() * 2 * ordersPerLife);

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = "", headers } = request;
  if (url.startsWith(lookupPath)) {
    const found = effects.get(url.slice(lookupPath.length));
    return void (found === undefined ? response.writeHead(404).end() : response.writeHead(200).end(answerOf(found)));
  }
  const key = String(headers["idempotency-key"]);
  await buffer(request);
  const isLast = (ordersLeft -= 1) === 0;
  if (isLast && place === "before the effect") return die();
  await setTimeout(random() * 4);
  // On the route that forwards keys the service must honour them itself; on all others it does not.
  const isRepeat = url === pathOf("forward-key") && effects.has(key);
  const effect = isRepeat ? effects.get(key)! : { key, effect: randomUUID() };
  if (!isRepeat) {
    append(ledger, effect);
    effects.set(key, effect);
  }
  if (isLast && place === "after the effect") return die();
  await setTimeout(random() * 4);
  const body = answerOf(effect);
  if (!isLast) return void response.writeHead(201, { "content-type": "application/json" }).end(body);
  const head = `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const length = place === "in the head" ? random() * head.length : head.length + random() * body.length;
  response.socket?.write((head + body).slice(0, Math.floor(length)), () => die());
}

function die(): void {
  append(deaths, { life, place } satisfies { life: string; place: DeathPlace });
  process.kill(process.pid, "SIGKILL");
}

createServer((request, response) => {
  serve(request, response).catch(() => response.destroy());
}).listen(port, "127.0.0.1", () => process.send?.("ready"));
