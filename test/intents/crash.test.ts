import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { uniform } from "../../packages/once-again/src/core/random.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { retry } from "../../packages/once-again/src/retry/index.ts";
import type { Intent, IntentStore } from "../../packages/once-again/src/stores/intent-store.ts";
import { postgresIntents } from "../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteIntents, sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { flakyNetwork, randomFaults, seededRandom } from "../../packages/testing/src/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { CallerTask } from "./caller-process.ts";

// kill -9 shows that nothing depends on the process; that the disk keeps what it acknowledges, it can't show.

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const random = seededRandom(seed);
/** For asking a database that is killed now and then: as often as the test has time for. */
const patient = { attemptsMax: 1000, backoff: () => 200 };
const orders = Array.from({ length: 200 }, (_, index) => `order-${index}`);
const program = fileURLToPath(new URL("caller-process.ts", import.meta.url));

interface Effect {
  readonly order_id: string;
  readonly key: string;
}

/** An API behind a bad network. Its ledger takes every effect, also a second one. */
async function api() {
  const path = join(temporaryFolder(), "api.db");
  const ledger = new DatabaseSync(path);
  ledger.exec("CREATE TABLE effects (number INTEGER PRIMARY KEY, order_id TEXT NOT NULL, key TEXT NOT NULL) STRICT");
  const store = sqliteStore({ path });
  const handler = onceNode({ mode: "transactional", store, scope: "public" }, (_request, response, execution) => {
    const { body, key, transaction } = execution;
    const insert = transaction.prepare("INSERT INTO effects (order_id, key) VALUES (?, ?)");
    response.statusCode = 201;
    response.end(`effect ${insert.run(body.toString(), String(key)).lastInsertRowid} of ${body.toString()}`);
  });
  const server = createServer((request, response) => void handler(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const plan = randomFaults({ probability: 0.3, silenceShare: 0.1, delayMsMax: 25, random });
  const network = await flakyNetwork({ upstream: { port }, plan });
  onTestFinished(async () => {
    await network.close();
    server.closeAllConnections();
    server.close();
    await store.close();
    ledger.close();
  });
  const effects = (): Effect[] =>
    ledger.prepare("SELECT order_id, key FROM effects ORDER BY number").all() as unknown as Effect[];
  return { url: `${network.url}/orders`, effects };
}

function startCaller(task: CallerTask): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Where an intent may be when its callers are killed; a run goes on until it has seen each of these. */
const windows: Record<string, (intent: Intent | undefined, happened: boolean) => boolean> = {
  "before it was added": (intent) => intent === undefined,
  "while it was sent, before its effect": (intent, happened) => isSending(intent) && !happened,
  "while it was sent, after its effect and before its response was stored": (intent, happened) =>
    isSending(intent) && happened,
  "after its response was stored": (intent) => intent?.state === "done",
};
const isSending = (intent: Intent | undefined): boolean => intent?.state === "pending" && intent.leaseUntil > 0;

/** How often callers are killed at most: each life gets some orders done, and a window is then missed for good. */
const killsMax = 100;

/** Kills two callers that share a store again and again, and lets a third one end what is left. */
async function killCallers(place: string, store: IntentStore, killsMin: number) {
  const { url, effects } = await api();
  const task = { store: place, url, orders };
  const all = async (): Promise<Map<string, Intent>> =>
    new Map((await retry(() => store.list({ limit: 1000 }), patient)).map((intent) => [intent.id, intent]));
  const hits = new Map(Object.keys(windows).map((name) => [name, 0]));

  const isOver = (kills: number): boolean =>
    kills >= killsMax || (kills >= killsMin && [...hits.values()].every((count) => count > 0));

  for (let kills = 0; !isOver(kills); kills += 1) {
    const callers = [startCaller(task), startCaller({ ...task, orders: orders.toReversed() })];
    await Promise.all(callers.map(({ stdout }) => once(stdout!, "data")));
    // The longer it takes to see all windows, the longer they live: a busy machine stores no response in a short life.
    await setTimeout(uniform(random, 0, 350 + 30 * kills));
    for (const caller of callers) caller.kill("SIGKILL");
    await Promise.all(callers.map(ended));
    const [intents, happened] = [await all(), new Set(effects().map((effect) => effect.order_id))];
    for (const [name, isIn] of Object.entries(windows)) {
      const count = orders.filter((order) => isIn(intents.get(order), happened.has(order))).length;
      hits.set(name, (hits.get(name) ?? 0) + count);
    }
  }
  const last = startCaller(task);
  const [code] = (await once(last, "exit")) as [number];
  expect(code, `SEED=${seed}`).toBe(0);
  return { intents: await all(), effects: effects(), hits };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** The problems of a run: none, when each order happened once and its intent has the response to that. */
function problems({ intents, effects, hits }: Awaited<ReturnType<typeof killCallers>>): string[] {
  const answers = new Map(
    effects.map(({ order_id, key }, index) => [order_id, `${key} effect ${index + 1} of ${order_id}`]),
  );
  const storedResponse = (intent: Intent | undefined): string =>
    intent?.state === "done" ? `${intent.key} ${new TextDecoder().decode(intent.answer.body)}` : `${intent?.state}`;
  return [
    ...orders.flatMap((order) => {
      const count = effects.filter(({ order_id }) => order_id === order).length;
      return count === 1 ? [] : [`${order} happened ${count} times`];
    }),
    ...orders.flatMap((order) => {
      const [expected, stored] = [answers.get(order), storedResponse(intents.get(order))];
      return expected === stored ? [] : [`${order}: stored ${stored}, happened ${expected}`];
    }),
    ...(intents.size === orders.length ? [] : [`${intents.size} intents for ${orders.length} orders`]),
    ...[...hits].flatMap(([window, count]) => (count > 0 ? [] : [`no caller was killed ${window}`])),
  ];
}

test("callers that are killed again and again, on SQLite: each order happens once, and none is forgotten", async () => {
  const path = join(temporaryFolder(), "intents.db");
  const store = sqliteIntents({ path });
  onTestFinished(() => store.close());
  expect(problems(await killCallers(path, store, 20)), `SEED=${seed}`).toEqual([]);
}, 600_000);

describeWithServer("on PostgreSQL", postgresBinary, () => {
  test("callers and the database are killed again and again: each order happens once", async () => {
    await using server = await startPostgres();
    const pool = new Pool({ connectionString: server.url });
    pool.on("error", () => undefined);
    onTestFinished(() => pool.end());
    const store = postgresIntents(pool);
    await store.migrate();
    let restarts = 0;
    // Between the kills, too, the database dies under callers that live on.
    const databaseKiller = new AbortController();
    const killing = (async () => {
      while (!databaseKiller.signal.aborted) {
        await setTimeout(uniform(random, 300, 1500));
        await server.kill();
        await server.restart();
        restarts += 1;
      }
    })();
    const run = await killCallers(server.url, store, 12);
    databaseKiller.abort();
    await killing;
    expect(restarts).toBeGreaterThan(3);
    expect(problems(run), `SEED=${seed}`).toEqual([]);
  }, 600_000);
});
