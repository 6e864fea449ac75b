import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type PrivateServer, startServer } from "../../test/support/servers/private-server.ts";
import { startNginx, startNginxProxy } from "../../test/support/servers/nginx.ts";
import { startRedis } from "../../test/support/servers/redis.ts";
import { serverPort } from "../../test/support/servers/server-port.ts";
import { type Child, startChild } from "../child.ts";
import { type Figures, type Measured, measureInterleaved, type Subject } from "../measure.ts";
import { answer, contentType, path, status } from "../server/exchange.ts";
import type { LoadAnswer, LoadOrder } from "../server/load-child.ts";
import { spentSince, threadTimes } from "../server/store-cpu.ts";
import { baseline, type ProxyName, type Row, rows } from "./catalog.ts";

/**
 * Requests per second and processor time of the proxy for each, with many connections; the median of how long one takes,
 * with one. `NaN` is the processor time where there is no proxy.
 */
export type FigureName = "perSecond" | "cpuMicroseconds" | "p50Ms";

export interface RunOptions {
  readonly rounds: number;
  /** How long each figure is measured. */
  readonly milliseconds: number;
  readonly connections: number;
  /** Which rows are measured; nginx and the service itself always are. */
  readonly wanted: (name: string) => boolean;
  /** A folder for a processor profile of each gateway. */
  readonly profiles?: string | undefined;
  readonly say: (text: string) => void;
}

/** A service that answers every order, and counts its requests. */
interface Service {
  readonly port: number;
  requests(): Promise<number>;
}

/** How often each row is measured for nothing: until then it is not compiled. */
const warmUps = 4;
const warmUpMsMax = 500;

export async function measureGateway(options: RunOptions): Promise<Measured<FigureName>[]> {
  await using stack = new AsyncDisposableStack();
  const service = await startService(stack);
  const load = stack.use(startChild(new URL("../server/load-child.ts", import.meta.url), []));
  const wanted = rows.filter(({ name, proxy }) => proxy === "none" || name === baseline || options.wanted(name));
  const proxies = new Map<ProxyName, PrivateServer | undefined>();
  const subjects: Subject<FigureName>[] = [];
  for (const row of wanted) {
    if (!proxies.has(row.proxy)) proxies.set(row.proxy, await startProxy(row.proxy, service, stack, options));
    const proxy = proxies.get(row.proxy);
    const measure = (milliseconds: number): Promise<Figures<FigureName>> =>
      measureRow(row, { proxy, service, load }, { ...options, milliseconds });
    options.say(`${row.name} warms up`);
    for (let warm = 0; warm < warmUps; warm += 1) await measure(Math.min(options.milliseconds, warmUpMsMax));
    subjects.push({ name: row.name, baseline, measure: () => measure(options.milliseconds) });
  }
  const measured = await measureInterleaved(subjects, options.rounds, options.say);
  // Files that a gateway writes on its way out, such as a profile, are there when the run has ended.
  for (const proxy of proxies.values()) await proxy?.stop();
  return measured;
}

/** nginx again: whatever answers more slowly would be measured in the place of the proxies. */
async function startService(stack: AsyncDisposableStack): Promise<Service> {
  const { port, url } = stack.use(
    await startNginx({
      server: `location = /-/status { stub_status; }
    location = ${path} { default_type "${contentType}"; return ${status} '${answer}'; }`,
    }),
  );
  return {
    port,
    async requests() {
      const text = await (await fetch(`${url}/-/status`)).text();
      return Number(/^ \d+ \d+ (\d+)/m.exec(text)?.[1]);
    },
  };
}

async function startProxy(
  name: ProxyName,
  { port }: Service,
  stack: AsyncDisposableStack,
  { profiles }: RunOptions,
): Promise<PrivateServer | undefined> {
  const gateway = async (store: string, routes: readonly string[] = []): Promise<PrivateServer> => {
    const profiling = profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(profiles, name)}`];
    return stack.use(await startGateway([...profiling, gatewayProgram], port, store, routes));
  };
  switch (name) {
    case "none":
      return undefined;
    case "nginx":
    case "nginx, again":
      return stack.use(await startNginxProxy(port));
    case "bare":
      return stack.use(await startBareProxy(port));
    case "pass-through":
      return gateway("sqlite:keys.db", ["--openapi", ordersPassThrough]);
    case "SQLite":
      return gateway("sqlite:keys.db");
    case "Redis": {
      // As most run it: what was acknowledged in the last second may be lost with the machine.
      const { url } = stack.use(await startRedis({ settings: { appendfsync: "everysec" } }));
      return gateway(url);
    }
  }
}

const gatewayProgram = fileURLToPath(new URL("../../packages/gateway/src/cli/main.ts", import.meta.url));
const ordersPassThrough = fileURLToPath(new URL("orders-pass-through.yaml", import.meta.url));

/** The account that owns the keys. */
const account = { name: "x-account", value: "acme" };

/** Starts `once-again gateway` as a user does, in a new folder. */
async function startGateway(
  command: readonly string[],
  upstreamPort: number,
  store: string,
  more: readonly string[],
): Promise<PrivateServer> {
  const port = await serverPort();
  const flags = [
    "--upstream",
    `http://127.0.0.1:${upstreamPort}`,
    "--no-admin",
    "--store",
    store,
    "--scope",
    `header:${account.name}`,
  ];
  return startServer({
    command: process.execPath,
    args: ["--conditions=@once-again/source", ...command, ...flags, "--port", String(port), ...more],
    port,
    url: `http://127.0.0.1:${port}`,
    folder: mkdtempSync(join(tmpdir(), "once-again-gateway-")),
    ready: /Ctrl-C ends it/,
  });
}

async function startBareProxy(upstreamPort: number): Promise<PrivateServer> {
  const port = await serverPort();
  const program = fileURLToPath(new URL("bare-proxy.ts", import.meta.url));
  return startServer({
    command: process.execPath,
    args: [program, String(port), `http://127.0.0.1:${upstreamPort}`],
    port,
    url: `http://127.0.0.1:${port}`,
    folder: mkdtempSync(join(tmpdir(), "once-again-bare-proxy-")),
    ready: /listening/,
  });
}

interface Ground {
  readonly proxy: PrivateServer | undefined;
  readonly service: Service;
  readonly load: Child;
}

/** @throws Error when the service was not asked as often as it should have been. */
async function measureRow(
  { name, isReplay }: Row,
  { proxy, service, load }: Ground,
  { connections, milliseconds }: RunOptions,
): Promise<Figures<FigureName>> {
  const say = (order: LoadOrder): Promise<LoadAnswer> => load.ask<LoadAnswer>(order);
  const port = proxy?.port ?? service.port;
  const keys = isReplay ? "primed" : "new";
  await say({ do: "prime", port, connections, header: `${account.name}: ${account.value}` });
  const requests = await service.requests();
  const before = threadTimes(proxy?.pid ?? 0);
  const sent = await say({ do: "send", keys, milliseconds });
  const spent = proxy === undefined ? Number.NaN : spentSince(before, threadTimes(proxy.pid!));
  const timed = await say({ do: "time", keys, milliseconds });
  // The look itself is a request.
  const asked = (await service.requests()) - requests - 1;
  const expected = isReplay ? 0 : sent.answers + timed.answers;
  if (asked !== expected) throw new Error(`${name}: the service had ${asked} requests, and ${expected} were expected.`);
  await say({ do: "disconnect" });
  return { perSecond: sent.perSecond, cpuMicroseconds: spent / sent.answers, p50Ms: timed.p50Ms! };
}
