/** Prints, for each path through the library, the source files of which it enters a function: see entered-files.test.ts. */
import { mkdtempSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { Session } from "node:inspector/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import express from "express";
import { retryingFetch } from "once-again/client";
import { onceExpress } from "once-again/express";
import { openInbox } from "once-again/inbox";
import { openRelay, type OutboxMessage } from "once-again/outbox";
import { memoryStore } from "once-again/stores/memory";
import { sqliteOutbox, sqliteStore } from "once-again/stores/sqlite";

const source = "/packages/once-again/src/";

/** The files of our source with a function that ran while the second of two runs did. */
async function enteredFiles(run: () => Promise<unknown>): Promise<string[]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await run();
  await session.post("Profiler.takePreciseCoverage");
  await run();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const isEntered = ({ functions }: (typeof result)[number]): boolean =>
    functions.some(({ functionName, ranges }) => {
      const isModule = functionName === "" && ranges[0]!.startOffset === 0;
      return !isModule && ranges[0]!.count > 0;
    });
  return result
    .filter((script) => script.url.includes(source) && isEntered(script))
    .map(({ url }) => url.split(source)[1]!)
    .toSorted();
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function traceExpress(): Promise<{ newKey: string[]; replay: string[] }> {
  const app = express();
  app.post("/orders", onceExpress({ store: memoryStore(), scope: () => "acme" }), (_, response) => {
    response.status(201).json({ id: 7 });
  });
  const server = createServer(app);
  const url = await listen(server);
  let keys = 0;
  const post = async (): Promise<void> => {
    const closed = new Promise(
      (resolve) => void server.once("request", (_, response) => response.on("close", resolve)),
    );
    const headers = { "content-type": "application/json", "idempotency-key": `order-${String(keys)}` };
    const response = await fetch(`${url}/orders`, { method: "POST", headers, body: '{"item":"tea"}' });
    await response.text();
    await closed;
  };
  const newKey = await enteredFiles(() => {
    keys += 1;
    return post();
  });
  const replay = await enteredFiles(post);
  server.close();
  server.closeAllConnections();
  return { newKey, replay };
}

async function traceFetch(): Promise<string[]> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end("{}"));
  });
  const url = await listen(server);
  const send = retryingFetch({ keys: [url] });
  const files = await enteredFiles(async () => (await send(url, { method: "POST", body: "x" })).text());
  server.close();
  server.closeAllConnections();
  return files;
}

async function traceMessage(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-"));
  const store = sqliteStore({ path: join(folder, "keys.db") });
  const outboxFile = join(folder, "outbox.db");
  const outbox = sqliteOutbox({ path: outboxFile });
  const inbox = openInbox({ store, consumer: "stock" });
  const published: OutboxMessage[] = [];
  const relay = openRelay({ outbox, publish: async (message) => void published.push(message) });
  const database = new DatabaseSync(outboxFile);
  const files = await enteredFiles(async () => {
    database.exec("BEGIN IMMEDIATE");
    await outbox.add(database, { topic: "orders", orderingKey: "7", body: { id: 7 } });
    database.exec("COMMIT");
    relay.wake();
    while (published.length === 0) await new Promise((resolve) => void setImmediate(resolve));
    await inbox.handle(published.pop()!, async () => undefined);
  });
  await relay.close();
  await inbox.close();
  await store.close();
  await outbox.close();
  return files;
}

const { newKey, replay } = await traceExpress();
const paths = {
  "onceExpress, a new key": newKey,
  "onceExpress, a replay": replay,
  "retryingFetch, a POST": await traceFetch(),
  "outbox to inbox": await traceMessage(),
};
process.stdout.write(JSON.stringify(paths));
