import { Command, Option } from "commander";
import { storeForms, wholeNumber } from "once-again/internal/command";
import { logFields } from "../log-fields.ts";
import { scopeForms } from "../scope/scope-rule.ts";
import { frontProxies } from "../split/split-rules.ts";
import type { GatewayFlags } from "./flags.ts";
import { reloadRequests } from "./reload-requests.ts";

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
    .option("--scope <scope>", `the caller that a key belongs to: ${scopeForms}`)
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
    .option("--http2", "callers may speak HTTP/2, too: with prior knowledge, or by ALPN where there is a certificate")
    .option("--workers <number>", "how many processes share the port, 1 to 256 (default: 1)", wholeNumber(1, 256))
    .option("--access-log", "print each request as a line of JSON: no query, no header, no body")
    .option("--log-fields <names>", `… and with these fields: ${logFields.join(",")}`, (names) => names.split(","))
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
    .action(start);
}

/** Loads the gateway. A reload that is asked for meanwhile is not lost. */
async function start(flags: GatewayFlags, command: Command): Promise<void> {
  using reloads = reloadRequests();
  const { run } = await loadGateway();
  await run(flags, command, reloads);
}

/** Apart from `start`: TypeScript does not rewrite the extension of an import beside a `using` declaration. */
const loadGateway = () => import("./run.ts");
