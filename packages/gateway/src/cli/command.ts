import cluster from "node:cluster";
import process from "node:process";
import { Command, Option } from "commander";
import { ConfigError, formatProblem } from "../config/config-problem.ts";
import { type GatewayConfig, type GivenConfig, readConfig } from "../config/read-config.ts";
import { scopeForms } from "../config/scope-schema.ts";
import { frontProxies, printSplit } from "../split/print-split.ts";
import {
  exitCodes,
  painter,
  runUntilInterrupted,
  serverSignals,
  storeForms,
  wholeNumber,
} from "once-again/internal/command";
import { configJson, formatConfig, formatStore, problemsJson } from "./check.ts";
import { type GatewayFlags, readFlags } from "./flags.ts";
import { lastNet } from "./last-net.ts";
import { type ReloadRequests, reloadRequests } from "./reload-requests.ts";
import { serve } from "./serve.ts";
import { type GatewayUrls, onOrder, reportListening } from "./worker-orders.ts";
import { runWorkers } from "./workers.ts";

/**
 * The gateway as a command of commander: idempotency keys for any HTTP service, without a line of code in it.
 *
 * @param name the command, as its usage has it: `gateway` as a part of another program.
 * @param line the words by which a user starts it, for the examples of its help.
 */
export function gatewayCommand(name: string, line: string): Command {
  return new Command(name)
    .description(
      "A reverse proxy in front of an HTTP service in any language: a POST or PATCH with an Idempotency-Key reaches the " +
        "service once, and every repeat gets the first response. It fails closed, and runs until Ctrl-C.",
    )
    .option("--upstream <url>", "the service behind, such as http://127.0.0.1:8080")
    .option("--store <store>", `where keys are stored: ${storeForms}`)
    .option("--scope <scope>", `whose a key is: ${scopeForms}`)
    .option("--jwks <url|file>", "with jwt: the issuer's key set")
    .option("--issuer <text>", "with jwt: the claim iss that tokens must have")
    .option("--audience <text>", "with jwt: the claim aud that tokens must have")
    .option("--account <place>", "with auth: where the answer names the account, header:NAME or body:PATH")
    .option(
      "--trust-proxy <proxies>",
      "proxies that may set forwarding headers: networks, as in loopback,10.0.0.0/8, or a number of proxies (default: none)",
    )
    .option("--openapi <file>", "which operations take a key, by an OpenAPI document (3.0, 3.1)")
    .option("--config <file>", "all of this and more, as YAML; flags count more than the file")
    .option("--host <address>", "where to listen (default: 127.0.0.1)")
    .option("--port <number>", "0: any free one (default: 8081)", wholeNumber(0, 65_535))
    .option(
      "--admin-port <number>",
      "health, metrics and routes (default: the port after --port)",
      wholeNumber(0, 65_535),
    )
    .option("--admin-host <address>", "where that port is (default: 127.0.0.1)")
    .option("--no-admin", "no such port")
    .option("--cert <file>", "its own certificate, PEM: it speaks HTTPS then")
    .option("--key <file>", "the certificate's key, PEM")
    .option("--workers <number>", "how many processes share the port, 1 to 256 (default: 1)", wholeNumber(1, 256))
    .option("--access-log", "print each request as a line of JSON: no query, no header, no body")
    .addOption(new Option("--check", "check the configuration, print its routes, and end"))
    .addOption(
      new Option("--print <proxy>", "print the configuration of a proxy in front, by the same routes, and end").choices(
        frontProxies,
      ),
    )
    .option("--json", "print the address, or what --check found, as one JSON document; the log goes to standard error")
    .addHelpText(
      "after",
      `
Example:
  $ ${line} --upstream http://127.0.0.1:8080 --store sqlite:keys.db --scope header:x-account
  $ ${line} --config gateway.yaml --check
  $ ${line} --config gateway.yaml --print nginx > /etc/nginx/conf.d/shop.conf

A changed configuration file is read again, and on SIGHUP; one that can't be used changes nothing.

Exit codes: 0 ended by Ctrl-C, or --check found nothing wrong, 1 it broke, 2 wrong usage, a configuration that can't be
used, or a store that does not answer.`,
    )
    .action(run);
}

async function run(flags: GatewayFlags, command: Command): Promise<void> {
  using reloads = reloadRequests();
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
  if (flags.print !== undefined) return void process.stdout.write(printSplit(flags.print, config));
  if (flags.check)
    return flags.json ? printJson(configJson(config)) : void process.stdout.write(formatConfig(config, painter));
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
  using net = lastNet(say);
  try {
    await serve(given, config, AbortSignal.any([signal, closing.signal, net.signal]), reloads, {
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
  using net = lastNet(say);
  const code = await runWorkers(config.workers, AbortSignal.any([signal, net.signal]), reloads, {
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
const say = (message: string): void => console.error(`once-again gateway: ${message}`);
