import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { DatabaseSync } from "node:sqlite";
import { exponentialBackoff, noJitter, retry } from "once-again";
import { retryingFetch } from "once-again/client";
import { onceWeb } from "once-again/web";
import { openIntents } from "once-again/intents";
import { formatKey, makeKey, parseKey } from "once-again/key";
import { circuitBreaker, compose, retrying, run } from "once-again/layers";
import { onceNode } from "once-again/node";
import { sealedStore } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";
import { sqliteIntents, sqliteStore } from "once-again/stores/sqlite";
import { flakyNetwork } from "@once-again/testing";

// The uses of the package, each in its shortest form. Prints the results, and stores a key in the file that
// it is given.

const backoff = exponentialBackoff({ baseMs: 1, jitter: noJitter() });
const order = { method: "POST", body: '{"item":"coffee"}', headers: { "content-type": "application/json" } };

async function flaky({ number }: { number: number }): Promise<number> {
  if (number < 3) throw new Error("not yet");
  return number;
}

/** Three orders by a retrying fetch and by an intent, over a network that loses the first answer of each. */
async function callsOverTheNetwork() {
  let effects = 0;
  const store = sealedStore(memoryStore(), [{ id: "2026", secret: new Uint8Array(32) }]);
  const orders = onceNode({ store, scope: "public" }, (_request, response) => {
    effects += 1;
    response.writeHead(201).end(`order ${effects}`);
  });
  const server = createServer((request, response) => void orders(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const network = await flakyNetwork({ upstream: { port: (server.address() as AddressInfo).port } });
  const url = `${network.url}/orders`;

  network.next({ scenario: "lose-answer" });
  const response = await retryingFetch({ keys: [new URL(url).origin], backoff })(url, order);
  const called = [response.status, await response.text(), response.headers.get("idempotent-replayed")];

  network.next({ scenario: "lose-answer" });
  const intentStore = sqliteIntents({ path: ":memory:" });
  const intents = openIntents({ store: intentStore, keys: [new URL(url).origin], backoff });
  const outcome = await intents.submit("order-42", { ...order, url });
  const intended = [outcome.state, outcome.state === "done" && new TextDecoder().decode(outcome.answer.body)];

  await intents.close();
  await intentStore.close();
  await network.close();
  server.closeAllConnections();
  server.close();
  return { called, intended, effects };
}

/** One request, sent twice, with a row as its effect. */
async function storedInOneTransaction() {
  const store = sqliteStore({ path: process.argv[2] ?? ":memory:" });
  const handler = onceWeb({ mode: "transactional", store, scope: "public" }, async (_request, { transaction }) =>
    Response.json({ rows: countedRow(transaction) }),
  );
  const headers = { ...order.headers, "idempotency-key": "order-1" };
  const send = async () => (await handler(new Request("http://shop.example/", { ...order, headers }))).json();
  const answers = [await send(), await send()] as unknown[];
  await store.close();
  return answers;
}

function countedRow(database: DatabaseSync): unknown {
  database.exec("CREATE TABLE IF NOT EXISTS charges (amount INTEGER)");
  database.exec("INSERT INTO charges VALUES (420)");
  return database.prepare("SELECT count(*) AS total FROM charges").get()?.["total"];
}

async function main(): Promise<void> {
  const key = makeKey();
  const calm = compose(retrying({ backoff, attemptsMax: 3 }), circuitBreaker());
  const report = {
    retried: await retry(flaky, { backoff }),
    layered: await run(calm(flaky)),
    key: parseKey([formatKey(key, "structured")]).kind,
    ...(await callsOverTheNetwork()),
    transaction: await storedInOneTransaction(),
  };
  process.stdout.write(JSON.stringify(report));
}

void main();
