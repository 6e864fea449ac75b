import process from "node:process";
import { Command, Option } from "commander";
import { OnceAgainError } from "once-again";
import { type McpProfileName, mcpProfileNames, type McpVerifyOptions, planMcp, verifyMcp } from "../../verify/index.ts";
import { painter, wholeNumber } from "once-again/internal/command";
import { parseHeader, parseList, readText } from "./flags.ts";
import { addFormats, checkFormats, type FormatFlags, present } from "./report-formats.ts";
import { jsonDocument, judgeCases } from "./judge-cases.ts";
import { formatMcpPlan, formatMcpReport } from "./mcp-text.ts";

interface McpFlags extends FormatFlags {
  readonly header?: McpVerifyOptions["headers"];
  readonly otherHeader?: McpVerifyOptions["otherHeaders"];
  readonly tool?: string;
  readonly arguments?: string;
  readonly otherArguments?: string;
  readonly refusedArguments?: string;
  readonly countTool?: string;
  readonly profile: McpProfileName;
  readonly keyMeta?: string;
  readonly keyArgument?: string;
  readonly only?: readonly string[];
  readonly timeout: number;
  readonly pause: number;
}

/** `once-again verify mcp`: tests any MCP server for how it treats repeated calls. */
export function mcpCommand(): Command {
  return addFormats(
    new Command("mcp")
      .summary("test any MCP server for how it treats repeated calls")
      .description(
        "Reads what an MCP server says of its tools, and calls nothing. With --tool it calls that tool in all the ways in which " +
          "harnesses and networks repeat a call, some 150 times, and judges what comes back: point it at a test system.",
      )
      .argument("<server...>", "its URL (Streamable HTTP), or, behind --, the command that starts it on stdio")
      .option("--tool <name>", "the tool to call; without it nothing is called")
      .option(
        "-d, --arguments <json>",
        "@file or text; {{unique}} in it is a new text for each call (default: {})",
        readText,
      )
      .option("--other-arguments <json>", "others that succeed, where --arguments has no {{unique}}", readText)
      .option("--refused-arguments <json>", "some at which the tool answers with isError", readText)
      .option(
        "--count-tool <name>",
        "a tool that only reads, and answers with the number of effects, so that duplicates are proven",
      )
      .option("-H, --header <line>", 'sent with every request over HTTP: "Name: value"; can be repeated', parseHeader)
      .option("--other-header <line>", "a second principal's credentials, for the cases of scope", parseHeader)
      .option("--key-meta <name>", "where in _meta the key goes (default: once-again/idempotency-key)")
      .option("--key-argument <name>", "the argument that holds the key, in place of _meta, or a path to it: meta.key")
      .addOption(
        new Option(
          "--profile <name>",
          "the rules: the field's practice, or those of adcp (Ad Context Protocol) or ucp (Universal Commerce Protocol)",
        )
          .choices(mcpProfileNames)
          .default("practice"),
      )
      .option("--only <ids>", "cases (MR01,MC02) or groups (MT,MD) with commas between them", parseList)
      .option("--timeout <ms>", "how long to wait for one answer", wholeNumber(100, 600_000), 30_000)
      .option("--pause <ms>", "how long a key must be remembered at the least", wholeNumber(0, 600_000), 2000)
      .addHelpText(
        "after",
        `
Example:
  $ once-again verify mcp --tool order -d '{"item":"{{unique}}"}' --count-tool count_orders -- node server.js
  $ once-again verify mcp --profile adcp --tool create_media_buy -d @media-buy.json https://seller.example/mcp

Exit codes: 0 no case failed, 1 at least one did, 2 wrong usage, or a server that can't be tested,
130 interrupted.`,
      )
      .action(run),
  );
}

/** The options that the flags stand for. */
function readOptions([first = "", ...args]: readonly string[], flags: McpFlags): McpVerifyOptions {
  const { header, otherHeader, timeout, pause, dryRun: _dryRun, format: _format, badge: _badge, ...same } = flags;
  return {
    server: args.length === 0 && /^https?:/i.test(first) ? first : [first, ...args],
    ...same,
    ...(header !== undefined && { headers: header }),
    ...(otherHeader !== undefined && { otherHeaders: otherHeader }),
    timeoutMs: timeout,
    pauseMs: pause,
  };
}

async function run(server: readonly string[], flags: McpFlags, command: Command): Promise<void> {
  try {
    const options = readOptions(server, flags);
    checkFormats(flags, command);
    await (flags.dryRun ? showPlan(options, flags) : judge(options, flags));
  } catch (error) {
    if (OnceAgainError.isInstance(error)) command.error(`error: ${error.message}`);
    throw error;
  }
}

async function showPlan(options: McpVerifyOptions, flags: McpFlags): Promise<void> {
  const plan = await planMcp(options);
  process.stdout.write(flags.format === "json" ? jsonDocument(plan) : formatMcpPlan(plan, painter));
}

async function judge(options: McpVerifyOptions, flags: McpFlags): Promise<void> {
  await judgeCases(
    (running) => verifyMcp({ ...options, ...running }),
    (report) => present(report, { method: "MCP", url: report.server }, flags, (one) => formatMcpReport(one, painter)),
  );
}
