import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import amqplib from "amqplib";
import { Client } from "pg";
import { startPostgres } from "../../support/servers/postgres.ts";
import { type Alert, type PrometheusServer, startPrometheus } from "../../support/servers/prometheus.ts";
import { startRabbitmq } from "../../support/servers/rabbitmq.ts";
import { serverPort } from "../../support/servers/server-port.ts";
import type { Accident, RunbookStep, Scene } from "./accidents.ts";
import { fasterRules } from "./faster-rules.ts";
import { operator, runbookCommand } from "./runbook.ts";
import { shopOf } from "./shop.ts";

/** The end of one accident. */
export interface AccidentResult {
  readonly name: string;
  readonly alert: string;
  /** From the accident until the alert fired, seconds; with the rules as they stand it would be `speed` times that. */
  readonly firedAfterS: number | undefined;
  /** The alert's text. */
  readonly said: string;
  /** From the runbook's first command until it ended, seconds. */
  readonly endedAfterS: number | undefined;
  /** Other alerts that fired meanwhile. */
  readonly others: readonly string[];
  readonly breaches: readonly string[];
}

export interface DrillOptions {
  readonly accidents: readonly Accident[];
  /** How much faster the rules' time passes. */
  readonly speed: number;
  /** Whether an alert that comes late is a breach. */
  readonly isTimed: boolean;
  readonly say?: (text: string) => void;
}

/** Some things do not pass faster: leases, the ways of numbers to Prometheus, a broker's start, a retry's backoff. Seconds. */
const slackS = 30;

/** The longest that an alert is waited for, however long it should take, seconds. */
const waitSMax = 300;

const rules = fileURLToPath(new URL("../../../packages/tools/monitoring/alerts.yml", import.meta.url));

/** Makes each accident in turn on a real set-up: Express, PostgreSQL, RabbitMQ, and a Prometheus with our rules. */
export async function runDrill({ accidents, speed, isTimed, say = () => {} }: DrillOptions): Promise<AccidentResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-drill-"));
  try {
    say("the servers start");
    await using postgres = await startPostgres();
    await using rabbitmq = await startRabbitmq();
    const bank = join(folder, "bank.txt");
    appendFileSync(bank, "");
    const metricsPort = String(await serverPort());
    await using shop = shopOf({
      DATABASE_URL: postgres.url,
      RABBITMQ_URL: rabbitmq.url,
      PORT: String(await serverPort()),
      METRICS_PORT: metricsPort,
      BANK: bank,
      LEASE_MS: "2000",
    });
    await shop.deploy();
    await using prometheus = await startPrometheus(
      { shop: { address: `127.0.0.1:${metricsPort}` } },
      fasterRules(readFileSync(rules, "utf8"), speed),
    );
    const scene: Scene = {
      shop,
      postgres,
      rabbitmq,
      charges: (order) =>
        readFileSync(bank, "utf8")
          .split("\n")
          .filter((line) => line === order).length,
      async parcels(order) {
        const client = new Client({ connectionString: postgres.url });
        await client.connect();
        const { rowCount } = await client.query("SELECT 1 FROM parcels WHERE order_id = $1", [order]);
        await client.end();
        return rowCount ?? 0;
      },
      makeQueue: (name) => withChannel(rabbitmq.url, async (channel) => void (await channel.assertQueue(name))),
      messagesOf: (name) => withChannel(rabbitmq.url, async (channel) => (await channel.checkQueue(name)).messageCount),
    };
    const run = operator(folder, postgres.url);
    const results: AccidentResult[] = [];
    for (const accident of accidents) {
      say(`${accident.name}: ${accident.says}`);
      results.push(await runAccident(accident, { scene, prometheus, speed, isTimed, run }));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withChannel<Result>(url: string, work: (channel: amqplib.Channel) => Promise<Result>): Promise<Result> {
  const connection = await amqplib.connect(url);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

interface Surroundings extends Pick<DrillOptions, "speed" | "isTimed"> {
  readonly scene: Scene;
  readonly prometheus: PrometheusServer;
  readonly run: ReturnType<typeof operator>;
}

async function runAccident(
  accident: Accident,
  { scene, prometheus, speed, isTimed, run }: Surroundings,
): Promise<AccidentResult> {
  const { name, alert, withinS } = accident;
  const breaches: string[] = [];
  const others = new Set<string>();
  const fired = async (): Promise<Alert | undefined> => {
    const firing = (await prometheus.alerts()).filter(({ state }) => state === "firing");
    for (const one of firing) if (one.name !== alert) others.add(one.name);
    return firing.find((one) => one.name === alert);
  };
  const runSteps = async (steps: readonly RunbookStep[]): Promise<void> => {
    for (const { command, code = 0, prints } of steps) {
      const line = runbookCommand(alert, command);
      const ran = await run(line);
      if (ran.code !== code || !prints.test(ran.printed))
        breaches.push(`${line} ended with ${ran.code} and printed ${JSON.stringify(ran.printed)}`);
    }
  };

  if ((await fired()) !== undefined) breaches.push("It fired before anything had happened.");
  const happenedAt = performance.now();
  await accident.happen(scene);
  const stop = callers(accident, scene);
  try {
    const found = await waited(fired, (one) => one !== undefined);
    const firedAfterS = secondsSince(happenedAt);
    const said = found === undefined ? "" : `${found.annotations["summary"]} ${found.annotations["description"]}`;
    const ended = { name, alert, said, others: [] };
    if (found === undefined)
      return { ...ended, firedAfterS: undefined, endedAfterS: undefined, breaches: ["Its alert did not fire."] };
    if (isTimed && firedAfterS > withinS / speed + slackS)
      breaches.push(`Its alert took ${firedAfterS} s, more than ${withinS} s / ${speed} and ${slackS} s.`);
    if (!accident.text.test(said)) breaches.push(`Its alert says: ${said}`);

    const actedAt = performance.now();
    await runSteps(accident.runbook);
    await accident.repair?.(scene);
    await runSteps(accident.after ?? []);
    const last = await waited(fired, (one) => one === undefined);
    if (last !== undefined) breaches.push("Its alert did not end.");
    const endedAfterS = last === undefined ? secondsSince(actedAt) : undefined;
    breaches.push(...(await accident.breaches(scene)));
    return { ...ended, firedAfterS, endedAfterS, others: [...others], breaches };
  } finally {
    await stop();
  }
}

const secondsSince = (at: number): number => Math.round((performance.now() - at) / 100) / 10;

/** Asks until an answer is right, and gives the last. */
async function waited<Answer>(ask: () => Promise<Answer>, isRight: (answer: Answer) => boolean): Promise<Answer> {
  const endsAt = performance.now() + waitSMax * 1000;
  for (;;) {
    const answer = await ask();
    if (isRight(answer) || performance.now() > endsAt) return answer;
    await setTimeout(250);
  }
}

let orders = 1000;

/** Other callers go on once it has happened: charges and orders that have nothing to do with the accident. Resolves when they have stopped. */
function callers({ meanwhile }: Accident, scene: Scene): () => Promise<void> {
  const over = new AbortController();
  const going = (async () => {
    while (!over.signal.aborted) {
      const id = `order-${(orders += 1)}`;
      await Promise.all([
        scene.shop.post("/charges", id, { order: id }),
        scene.shop.post("/orders", `${id}-order`, { id, item: "tea" }),
        meanwhile?.(scene),
        setTimeout(300),
      ]);
    }
  })();
  return async () => {
    over.abort();
    await going;
  };
}
