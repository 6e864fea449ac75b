import cluster from "node:cluster";
import process from "node:process";
import type { Command } from "commander";
import { exitCodes, outliveOutput, painter, runUntilInterrupted, serverSignals } from "once-again/internal/command";
import { systemClock } from "once-again/internal";
import { ConfigError, formatProblem } from "../config/config-problem.ts";
import { type GatewayConfig, type GivenConfig, readConfig } from "../config/read-config.ts";
import { printSplit } from "../split/print-split.ts";
import { configJson, formatConfig, formatStore, problemsJson } from "./check.ts";
import { type GatewayFlags, readFlags } from "./flags.ts";
import { uncaughtErrors } from "./uncaught-errors.ts";
import type { ReloadRequests } from "./reload-requests.ts";
import { serve } from "./serve.ts";
import { type GatewayUrls, onOrder, reportListening } from "./worker-orders.ts";
import { runWorkers } from "./workers.ts";

/** Runs the command with the flags that were given. */
export async function run(flags: GatewayFlags, command: Command, reloads: ReloadRequests): Promise<void> {
  const given: GivenConfig = { file: flags.config, flags: readFlags(flags) };
  let config: GatewayConfig;
  try {
    config = readConfig(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (!flags.check || !flags.json)
      return command.error(error.problems.map((one) => `error: ${formatProblem(one)}`).join("\n"));
    printJson(problemsJson(error));
    process.exitCode = exitCodes.usage;
    return;
  }
  if (flags.print !== undefined && config.upstreams.length > 0) {
    const reason = "a proxy in front would send all that passes through to one service";
    return command.error(`error: --print does not know upstreams: ${reason}. Send everything to the gateway`);
  }
  if (flags.print !== undefined) return void process.stdout.write(printSplit(flags.print, config));
  if (flags.check)
    return flags.json ? printJson(configJson(config)) : void process.stdout.write(formatConfig(config, painter));
  outliveOutput(({ message }) => say(`The output can't be written (${message}). Requests are served all the same.`));
  await runUntilInterrupted((signal) => {
    const isFirst = config.workers > 1 && cluster.isPrimary;
    return isFirst
      ? serveByWorkers(config, flags, signal, reloads)
      : serveHere(given, config, flags, signal, reloads, command);
  }, serverSignals);
}

/** In one process: the only one, or a worker. */
async function serveHere(
  given: GivenConfig,
  config: GatewayConfig,
  flags: GatewayFlags,
  signal: AbortSignal,
  reloads: ReloadRequests,
  command: Command,
): Promise<void> {
  const closing = new AbortController();
  onOrder("close", () => closing.abort());
  using uncaught = uncaughtErrors(say);
  try {
    await serve(given, config, AbortSignal.any([signal, closing.signal, uncaught.signal]), reloads, {
      onListening: (urls) => (cluster.isPrimary ? announce(urls, config, flags) : reportListening(urls)),
      onReload: say,
      onRequest: (record) => (flags.json ? process.stderr : process.stdout).write(`${JSON.stringify(record)}\n`),
    });
  } catch (error) {
    command.error(`error: ${(error as Error).message}`);
  } finally {
    // The channel to the first process would keep a worker. To close it otherwise would end the process at once, and whatever
    // waits for its end, as a telemetry SDK, would lose what it has.
    cluster.worker?.disconnect();
  }
}

async function serveByWorkers(
  config: GatewayConfig,
  flags: GatewayFlags,
  signal: AbortSignal,
  reloads: ReloadRequests,
): Promise<void> {
  using uncaught = uncaughtErrors(say);
  const code = await runWorkers(config.workers, AbortSignal.any([signal, uncaught.signal]), reloads, {
    onListening: (urls) => announce(urls, config, flags),
    onDeath: ({ pid, reason, wasUp }) =>
      say(`The worker ${pid} ${wasUp ? "died" : "could not start"} (${reason}), and has a successor.`),
  });
  process.exitCode ??= code;
}

function announce(
  { url, adminUrl }: GatewayUrls,
  { upstream, store: location }: GatewayConfig,
  { json }: GatewayFlags,
): void {
  const store = formatStore(location);
  if (json) return printJson({ url, store, admin: adminUrl });
  const admin = adminUrl === undefined ? [] : [`Health and metrics: ${adminUrl}/-/health, ${adminUrl}/-/metrics`];
  const lines = [`Gateway: ${url} in front of ${upstream.href}`, `Keys: ${store}`, ...admin, "Ctrl-C ends it.", ""];
  process.stdout.write(lines.join("\n"));
}

const printJson = (document: object): void => void process.stdout.write(`${JSON.stringify(document)}\n`);

/** Says something beside the log, which is on standard output. */
const say = (message: string): void =>
  console.error(`${new Date(systemClock.now()).toISOString()} once-again gateway: ${message}`);
