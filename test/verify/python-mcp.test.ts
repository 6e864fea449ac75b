import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { type McpProfile, mcpFaults, rightMcpServers } from "../../conformance/faults/faults.ts";
import { type McpVerifyOptions, type McpVerifyReport, verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { startMcpHttp } from "../support/mcp.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { python3, type Report, runPython, runPythonWithEach, verdictsOf } from "./run-python.ts";
import { alice, bob, mcpOptions, verdictAtFault } from "./verify-mcp-model.ts";
import { serveModel, serveModels } from "./verify-model.ts";

type Server = McpVerifyOptions["server"];
type Options = Omit<McpVerifyOptions, "server" | "headers" | "otherHeaders" | "signal" | "onProgress">;

const common = { pauseMs: 60, timeoutMs: 60_000 };

const isUrl = (server: Server): server is string => typeof server === "string";

/** The arguments by which the runner in Python judges a server. */
function pythonArguments(server: Server, options: Options): string[] {
  const flags: Readonly<Record<string, string | undefined>> = {
    "--tool": options.tool,
    "--arguments": options.arguments,
    "--refused-arguments": options.refusedArguments,
    "--count-tool": options.countTool,
    "--profile": options.profile,
    "--only": options.only?.join(","),
    "--timeout": String(common.timeoutMs),
    "--pause": String(common.pauseMs),
    // On stdio there are no headers.
    "--header": isUrl(server) ? `authorization: ${alice}` : undefined,
    "--other-header": isUrl(server) ? `authorization: ${bob}` : undefined,
  };
  const given = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return ["mcp", "--json", ...given, "--", ...[server].flat()];
}

const runOwn = (server: Server, options: Options): Promise<McpVerifyReport> =>
  verifyMcp({
    ...common,
    ...options,
    server,
    ...(isUrl(server) && { headers: [["authorization", alice]], otherHeaders: [["authorization", bob]] }),
  });

const rightOnes = Object.entries(rightMcpServers) as [McpProfile, (typeof rightMcpServers)[McpProfile]][];

/**
 * Cases that only time decides at `careless.ts`, which works for 50 ms and remembers nothing of a call before that: a
 * duplicate, a repeat after a cancellation and the news that a connection is lost come within these 50 ms, or later.
 * A server with the same faults that waits for the other call is among the faults, and is compared.
 */
const racesOfCareless = new Set(["MC01", "MC03", "MD01", "MD03", "MD04", "MD06"]);

const programs: readonly [program: string, profile: McpProfile, races: ReadonlySet<string>][] = [
  ["examples/mcp/server.ts", "mcp", new Set()],
  ["examples/mcp/careless.ts", "mcp", racesOfCareless],
  ["examples/mcp/adcp.ts", "adcp", new Set()],
];

const sureVerdicts = (report: Report, races: ReadonlySet<string>): string[] =>
  verdictsOf(report).filter((line) => !races.has(line.slice(0, 4)));

/** The options for a program of the examples, where an order has an item alone. */
const programOptions = (profile: McpProfile): Options =>
  profile === "mcp"
    ? { ...mcpOptions.mcp, arguments: '{"item":"tea {{unique}}"}', refusedArguments: '{"item":"unicorn"}' }
    : mcpOptions[profile];

describeWithServer("the runner in Python, at MCP servers", python3, () => {
  test.for(rightOnes)("agrees with verify about a right server of %s", async ([profile, open]) => {
    const options = mcpOptions[profile];
    const [own, python] = await Promise.all([
      serveModel(open(), (origin) => runOwn(`${origin}/mcp`, options)),
      serveModel(open(), (origin) => runPython(...pythonArguments(`${origin}/mcp`, options))),
    ]);
    expect(verdictsOf(python)).toEqual(verdictsOf(own));
    expect(own.cases.filter(({ kind }) => kind !== "pass")).toEqual([]);
  });

  test("agrees with verify about a right server that counts nothing", async () => {
    const { countTool: _countTool, ...uncounted } = mcpOptions.mcp;
    const [own, python] = await Promise.all([
      serveModel(rightMcpServers.mcp(), (origin) => runOwn(`${origin}/mcp`, uncounted)),
      serveModel(rightMcpServers.mcp(), (origin) => runPython(...pythonArguments(`${origin}/mcp`, uncounted))),
    ]);
    expect(verdictsOf(python)).toEqual(verdictsOf(own));
    expect(new Set(own.cases.map(({ kind }) => kind))).toEqual(new Set(["pass", "not-applicable"]));
  });

  test("finds each fault by its case, races included, as verify does", async () => {
    const models = mcpFaults.map(({ open }) => open());
    const reports = await serveModels(models, (origins) =>
      runPythonWithEach(
        mcpFaults.map(({ breaks, profile }, at) =>
          pythonArguments(`${origins[at]}/mcp`, { ...mcpOptions[profile], only: [breaks] }),
        ),
      ),
    );
    const verdicts = reports.map((report, at) => `${mcpFaults[at]!.name}: ${verdictsOf(report).join()}`);
    expect(verdicts).toEqual(mcpFaults.map(({ name, breaks }) => `${name}: ${breaks} ${verdictAtFault(breaks)}`));
  });

  test.for(programs)("agrees with verify about %s over HTTP", async ([program, profile, races]) => {
    const start = (): Promise<string> =>
      startMcpHttp({ program, env: { SHOP_DB: join(temporaryFolder(), "shop.db") } });
    const options = programOptions(profile);
    const [own, python] = await Promise.all([
      start().then((server) => runOwn(server, options)),
      start().then((server) => runPython(...pythonArguments(server, options))),
    ]);
    expect(sureVerdicts(python, races)).toEqual(sureVerdicts(own, races));
    expect(own.cases.length).toBeGreaterThan(40);
  });

  test.for(programs)("agrees with verify about %s on stdio", async ([program, profile, races]) => {
    const start = (): [string, ...string[]] => {
      const database = `SHOP_DB=${join(temporaryFolder(), "shop.db")}`;
      return ["env", database, process.execPath, "--conditions=@once-again/source", program];
    };
    const options = programOptions(profile);
    const [own, python] = await Promise.all([
      runOwn(start(), options),
      runPython(...pythonArguments(start(), options)),
    ]);
    expect(sureVerdicts(python, races)).toEqual(sureVerdicts(own, races));
    expect(own.cases.length).toBeGreaterThan(40);
  });
});
