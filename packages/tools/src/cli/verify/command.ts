import process from "node:process";
import { Command, Option } from "commander";
import { OnceAgainError } from "once-again";
import { planVerify, verify } from "../../verify/index.ts";
import { painter, wholeNumber } from "once-again/internal/command";
import { type VerifyFlags, parseHeader, parseList, parseProfile, readText, readOptions } from "./flags.ts";
import { mcpCommand } from "./mcp-command.ts";
import { addFormats, checkFormats, present } from "./report-formats.ts";
import { jsonDocument, judgeCases } from "./judge-cases.ts";
import { formatPlan } from "./plan-text.ts";
import { formatReport } from "./report-text.ts";

/** `once-again verify`: tests any HTTP server for how it treats idempotency keys. */
export function verifyCommand(): Command {
  return addFormats(
    new Command("verify")
      .description(
        "Sends an operation to a server, in any language, in all the ways in which networks and callers repeat it, and " +
          "judges what comes back. It executes hundreds of operations: point it at a test system.",
      )
      .argument("<url>", "the operation; {{unique}} in it is a new text for each operation")
      .option("-X, --method <name>", "its method", "POST")
      .option("-H, --header <line>", 'sent with every request: "Name: value"; can be repeated', parseHeader)
      .option("-d, --body <text>", '@file or text; {{unique}} as above (default: {"reference":"{{unique}}"})', readText)
      .option("--other-body <text>", "another that succeeds, where --body has no {{unique}}", readText)
      .option("--refused-body <text>", "one that is refused with 4xx (default: broken JSON)", readText)
      .option("--failing-body <text>", "one at which the operation fails with 5xx", readText)
      .option("--other-header <line>", "a second principal's credentials, for the cases of scope", parseHeader)
      .option("--renewed-header <line>", "the first principal's credentials after they were renewed", parseHeader)
      .option(
        "--longer-header <line>",
        "credentials of a principal named like the first with more behind it: acme1",
        parseHeader,
      )
      .option("--other-url <url>", "another operation that takes the same body, for the case of another path (acp)")
      .option("--key-header <name>", "the key's header (default: Idempotency-Key)")
      .option("--effects <url>", "answers GET with the number of effects, so that duplicates are proven")
      .option("--effects-path <path>", "where in its JSON: orders.total, or a list, which stands for its length")
      .option("--effect-id <path>", "where in an operation's own answer its effect is named, to guess duplicates by")
      .addOption(
        new Option(
          "--profile <name>",
          "the rules: draft, or those of acp (Agentic Commerce Protocol), stripe, ucp (Universal Commerce Protocol), or webhooks (Standard Webhooks)",
        )
          .argParser(parseProfile)
          .default("draft"),
      )
      .option("--secret <text>", "of webhooks: @file or the secret that signs them, whsec_ and base64", readText)
      .addOption(
        new Option("--strictness <kind>", "draft: each SHOULD is a MUST; practice: what widely used APIs do is fine")
          .choices(["draft", "practice"])
          .default("practice"),
      )
      .option("--only <ids>", "cases (K01,R05) or groups (C,D) with commas between them", parseList)
      .option("--timeout <ms>", "how long to wait for one answer", wholeNumber(100, 600_000), 10_000)
      .option("--pause <ms>", "how long a key must be remembered at the least", wholeNumber(0, 600_000), 2000)
      .option(
        "--memory <count>",
        "other operations that must not make it forget a key (default: 200 where they are cheap)",
        wholeNumber(0, 100_000),
      )
      .option("--restart <command>", "kills the server and starts it again, for the case of a restart (R18)")
      .addHelpText(
        "after",
        `
Example:
  $ once-again verify http://127.0.0.1:3000/orders -H 'x-account: acme' --other-header 'x-account: other' \\
      -d '{"item":"coffee","reference":"{{unique}}"}' --effects http://127.0.0.1:3000/count
  $ once-again verify http://127.0.0.1:3000/webhooks --profile webhooks --secret @secret.txt \\
      --effects http://127.0.0.1:3000/count

Exit codes: 0 no case failed, 1 at least one did, 2 wrong usage, or a server that can't be tested,
130 interrupted.`,
      )
      // The arguments behind "mcp" belong to that command alone.
      .enablePositionalOptions()
      .addCommand(mcpCommand().exitOverride())
      .action(run),
  );
}

async function run(url: string, flags: VerifyFlags, command: Command): Promise<void> {
  try {
    checkFormats(flags, command);
    await (flags.dryRun ? showPlan(url, flags) : judge(url, flags));
  } catch (error) {
    if (OnceAgainError.isInstance(error)) command.error(`error: ${error.message}`);
    throw error;
  }
}

async function showPlan(url: string, flags: VerifyFlags): Promise<void> {
  const plan = await planVerify(readOptions(url, flags));
  process.stdout.write(flags.format === "json" ? jsonDocument(plan) : formatPlan(plan, new URL(url).host, painter));
}

async function judge(url: string, flags: VerifyFlags): Promise<void> {
  const options = readOptions(url, flags);
  await judgeCases(
    (running) => verify({ ...options, ...running }),
    (report) => present(report, report, flags, (one) => formatReport(one, painter)),
  );
}
