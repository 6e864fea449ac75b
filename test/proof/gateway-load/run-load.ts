import { mkdtempSync, readFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Anomaly, type HistoryLine, judgeLines } from "../../../packages/tools/src/judge/index.ts";
import { startServer } from "../../support/servers/private-server.ts";
import { startRedis } from "../../support/servers/redis.ts";
import { serverPort } from "../../support/servers/server-port.ts";
import { waitMsMax } from "../../support/wait-ms-max.ts";

/** In order: the store serves, it is killed, it is back. */
export const phases = ["before", "away", "back"] as const;
export type Phase = (typeof phases)[number];

/** The results of the requests that were sent in one phase and ended in it. */
export interface PhaseResult {
  /** By their status; `none`: the connection broke. */
  readonly keyed: Readonly<Record<string, number>>;
  readonly passed: Readonly<Record<string, number>>;
  /** The median, and the slowest, of those that passed through, milliseconds. */
  readonly passedMs: readonly [median: number, max: number];
  readonly keyedMsMax: number;
  /** Orders that the service was sent. */
  readonly effects: number;
  /** Resident memory of the gateway in the end, MiB. */
  readonly memoryMiB: number;
}

export interface LoadResult {
  readonly connections: number;
  readonly seconds: number;
  readonly phases: Readonly<Record<Phase, PhaseResult>>;
  /** The violations that `once-again judge` finds in the keyed calls and their effects. */
  readonly anomalies: readonly Anomaly[];
  /** The breaches of the rules. */
  readonly breaches: readonly string[];
}

export interface LoadOptions {
  /** Half of them send keyed requests, half of them requests that pass through. */
  readonly connections: number;
  /** How long each phase lasts at least, milliseconds; it ends when it has shown what it is for. */
  readonly phaseMs: number;
  /** By how much memory may grow from the first phase to the last, MiB. */
  readonly growthMiBMax: number;
}

const program = fileURLToPath(new URL("../../../packages/gateway/src/cli/main.ts", import.meta.url));

interface Sample {
  readonly phase: Phase;
  readonly isKeyed: boolean;
  readonly status: string;
  readonly ms: number;
}

/** Sends requests through a gateway, while its Redis is killed and comes back. */
export async function runLoad(
  { connections, phaseMs, growthMiBMax }: LoadOptions,
  onPhase: (phase: Phase) => void = () => undefined,
): Promise<LoadResult> {
  await using stack = new AsyncDisposableStack();
  const startedAt = performance.now();
  const redis = stack.use(await startRedis());
  /** The keyed calls and their effects, for `once-again judge`. */
  const history: HistoryLine[] = [];
  const service = startService((key, effect) => history.push({ type: "effect", key, effect }));
  stack.defer(() => service.close());
  const gateway = stack.use(await startGateway(await service.url(), redis.url));
  const samples: Sample[] = [];
  const memory = {} as Record<Phase, number>;
  const effects = {} as Record<Phase, number>;
  let phase: Phase = "before";
  const over = new AbortController();
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  stack.defer(() => agent.destroy());
  const work = async (isKeyed: boolean, worker: number): Promise<void> => {
    for (let sent = 0; !over.signal.aborted; sent += 1) {
      const [from, at] = [phase, performance.now()];
      const key = isKeyed ? `order-${worker}-${sent}` : undefined;
      if (key !== undefined) history.push({ type: "invoke", key });
      const { status, effect } = await send(agent, gateway.port, key);
      if (key !== undefined) history.push(endOf(key, status, effect));
      const ms = performance.now() - at;
      // A request that is under way when a phase ends belongs to neither.
      if (phase === from) samples.push({ phase, isKeyed, status, ms });
      // Who is refused tries again after a while, as callers do.
      if (status !== "201" && isKeyed) await setTimeout(20);
    }
  };
  const working = Promise.all(Array.from({ length: connections }, (_, worker) => work(worker % 2 === 0, worker)));

  const has = (wanted: string): boolean =>
    samples.some((one) => one.phase === phase && one.isKeyed && one.status === wanted);
  /** Lasts until the time is over, and a keyed request has had the answer of this phase. */
  const last = async (next: Phase, wanted: string): Promise<void> => {
    phase = next;
    onPhase(next);
    const before = service.count();
    const endsAt = performance.now() + phaseMs;
    const givenUpAt = endsAt + waitMsMax;
    while (performance.now() < endsAt || (!has(wanted) && performance.now() < givenUpAt)) await setTimeout(50);
    memory[next] = residentMiB(gateway.pid!);
    effects[next] = service.count() - before;
  };
  await last("before", "201");
  await redis.kill();
  await last("away", "503");
  await redis.restart();
  await last("back", "201");
  over.abort();
  await working;

  const resultOf = (one: Phase): PhaseResult => {
    const its = samples.filter((sample) => sample.phase === one);
    const [keyed, passed] = [its.filter(({ isKeyed }) => isKeyed), its.filter(({ isKeyed }) => !isKeyed)];
    const times = passed.map(({ ms }) => ms).sort((left, right) => left - right);
    return {
      keyed: countStatuses(keyed),
      passed: countStatuses(passed),
      passedMs: [times[times.length >> 1] ?? 0, times.at(-1) ?? 0],
      keyedMsMax: Math.max(0, ...keyed.map(({ ms }) => ms)),
      effects: effects[one],
      memoryMiB: memory[one],
    };
  };
  const anomalies = await judgeLines(history);
  const result = { before: resultOf("before"), away: resultOf("away"), back: resultOf("back") };
  return {
    connections,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    phases: result,
    anomalies,
    breaches: [
      ...breachesOf(result, growthMiBMax, connections),
      ...anomalies.slice(0, anomaliesMax).map(({ rule, key, what }) => `${rule}: ${key}: ${what}`),
    ],
  };
}

/** How many anomalies are among the breaches. */
const anomaliesMax = 10;

/** How a keyed call ended for its caller. Only a refusal says that there is no effect. */
function endOf(key: string, status: string, effect: string): HistoryLine {
  if (status === "201") return { type: "ok", key, effects: [effect] };
  return { type: status === "503" ? "fail" : "info", key };
}

/** A service that has an effect for each order, and answers everything else. @param onEffect is called with each before its answer. */
function startService(onEffect: (key: string, effect: string) => void) {
  let count = 0;
  const server = createServer((incoming, response) => {
    incoming.resume();
    const key = String(incoming.headers["idempotency-key"]);
    if (incoming.method === "GET") return void response.end("free");
    const effect = `effect-${(count += 1)}`;
    onEffect(key, effect);
    response.writeHead(201).end(effect);
  });
  server.listen(0, "127.0.0.1");
  return {
    async url() {
      if (!server.listening) await once(server, "listening");
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    count: () => count,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts the command, as users do. */
export async function startGateway(upstream: string, store: string, more: readonly string[] = []) {
  const port = await serverPort();
  const flags = [
    "--upstream",
    upstream,
    "--store",
    store,
    "--scope",
    "header:x-account",
    "--port",
    String(port),
    "--no-admin",
    ...more,
  ];
  return startServer({
    command: process.execPath,
    args: ["--conditions=@once-again/source", program, ...flags],
    port,
    url: `http://127.0.0.1:${port}`,
    folder: mkdtempSync(join(tmpdir(), "once-again-load-")),
    ready: /Ctrl-C ends it/,
  });
}

/** The end of a request: its status, or `none` when the connection broke, `hung` when it took too long; and the effect that it names. */
interface Sent {
  readonly status: string;
  readonly effect: string;
}

async function send(agent: Agent, port: number, key: string | undefined): Promise<Sent> {
  const { promise, resolve } = Promise.withResolvers<Sent>();
  const ended = (status: string, effect = ""): void => resolve({ status, effect });
  const keyed = { "x-account": "acme", "idempotency-key": key, "content-length": 2 };
  const sent = request({
    ...{ agent, port, host: "127.0.0.1", path: "/orders" },
    ...(key === undefined ? { method: "GET" } : { method: "POST", headers: keyed }),
  });
  const timer = globalThis.setTimeout(() => {
    ended("hung");
    sent.destroy();
  }, waitMsMax);
  sent.once("error", () => ended("none"));
  sent.once("response", (response) => {
    text(response).then(
      (body) => ended(String(response.statusCode), body),
      () => ended("none"),
    );
  });
  sent.end(key === undefined ? undefined : "{}");
  return promise.finally(() => clearTimeout(timer));
}

function residentMiB(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

function countStatuses(samples: readonly Sample[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of samples) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function breachesOf(
  { before, away, back }: Readonly<Record<Phase, PhaseResult>>,
  growthMiBMax: number,
  connections: number,
): string[] {
  const only = (counts: Readonly<Record<string, number>>, ...statuses: string[]): boolean =>
    Object.keys(counts).every((status) => statuses.includes(status));
  const rules: [holds: boolean, text: string][] = [
    [only(before.keyed, "201"), "a keyed request failed before the store was killed"],
    // A request that was running when the store died may have happened: it is not called refused.
    [only(away.keyed, "503", "409"), "a keyed request got another answer than a refusal while the store was away"],
    [(away.keyed["503"] ?? 0) > 0, "no keyed request was refused while the store was away"],
    [away.effects <= connections, "the service was sent orders while the store was away"],
    [only(back.keyed, "201", "503", "409"), "a keyed request got an odd answer when the store was back"],
    [(back.keyed["201"] ?? 0) > 0, "no keyed request was served when the store was back"],
    ...[before, away, back].map(({ passed }): [boolean, string] => [
      only(passed, "200") && passed["200"]! > 0,
      "a request that passes through was disturbed",
    ]),
    [back.memoryMiB - before.memoryMiB <= growthMiBMax, `memory grew by more than ${growthMiBMax} MiB`],
  ];
  return rules.flatMap(([holds, sentence]) => (holds ? [] : [sentence]));
}
