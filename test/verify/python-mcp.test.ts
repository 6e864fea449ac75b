import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type McpVerifyOptions, type McpVerifyReport, verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { startHttpServer } from "../support/http-server.ts";
import { startMcpHttp } from "../support/mcp.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { AdcpModel, UcpSeller } from "./adcp-model.ts";
import { adcpViolations } from "./adcp-violations.ts";

const seller = {
  tool: "create_media_buy",
  arguments: '{"budget":5000,"name":"{{unique}}"}',
  refusedArguments: '{"budget":0}',
  countTool: "count_media_buys",
};
const { countTool: _countTool, ...uncounted } = seller;
const shop = {
  tool: "order",
  arguments: '{"item":"tea {{unique}}"}',
  refusedArguments: '{"item":"unicorn"}',
  countTool: "count_orders",
};

type Options = Omit<McpVerifyOptions, "server" | "headers" | "otherHeaders" | "signal" | "onProgress">;

const common = { pauseMs: 60, timeoutMs: 60_000 };
const alice = "Bearer alice";
const bob = "Bearer bob";

/** The verdicts of the runner in Python. */
async function runPython(server: string | readonly string[], options: Options): Promise<McpVerifyReport> {
  const flags: Readonly<Record<string, string | undefined>> = {
    "--tool": options.tool,
    "--arguments": options.arguments,
    "--refused-arguments": options.refusedArguments,
    "--count-tool": options.countTool,
    "--profile": options.profile,
    "--only": options.only?.join(","),
    "--header": `authorization: ${alice}`,
    "--other-header": `authorization: ${bob}`,
    "--timeout": String(common.timeoutMs),
    "--pause": String(common.pauseMs),
  };
  const given = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  const { stdout } = await promisify(execFile)(
    "python3",
    ["conformance/run.py", "mcp", "--json", ...given, "--", ...[server].flat()],
    { maxBuffer: 1e7 },
  ).catch((error: Error & { code?: unknown; stdout: string }) => {
    // 1 says that a case failed.
    if (error.code === 1) return error;
    throw error;
  });
  return JSON.parse(stdout) as McpVerifyReport;
}

const runOwn = (server: string | readonly [string, ...string[]], options: Options): Promise<McpVerifyReport> =>
  verifyMcp({
    ...common,
    ...options,
    server,
    headers: [["authorization", alice]],
    otherHeaders: [["authorization", bob]],
  });

const verdictsOf = ({ cases }: McpVerifyReport): string[] => cases.map(({ id, kind }) => `${id} ${kind}`);

const serveModel = (model: AdcpModel): Promise<string> =>
  startHttpServer((request, response) => void model.listen(request, response));

/** Cases in which a server with this fault meets its callers in any order. */
const races = new Set(["MC01", "MC02", "MC03", "MD01", "MD02", "MD03", "MD04", "MD06"]);

const python3 = { name: "python3", install: "apt-get install -y python3" };

describeWithServer("the runner in Python, at MCP servers", python3, () => {
  test.for<[name: string, make: () => AdcpModel, options: Options]>([
    ["a right seller of adcp", () => new AdcpModel(), { ...seller, profile: "adcp" }],
    ["a right seller of ucp", () => new UcpSeller(), { ...seller, profile: "ucp" }],
    ["a right seller of adcp, without a count", () => new AdcpModel(), { ...uncounted, profile: "adcp" }],
  ])("agrees with verify about %s", async ([, make, options]) => {
    const [own, python] = [
      await runOwn(await serveModel(make()), options),
      await runPython(await serveModel(make()), options),
    ];
    expect(verdictsOf(python)).toEqual(verdictsOf(own));
    expect(own.cases.length).toBeGreaterThan(10);
    expect(own.cases.filter(({ kind }) => kind === "fail")).toEqual([]);
  });

  test.for(Object.entries(adcpViolations))("finds the seller that breaks %s, as verify does", async ([id, change]) => {
    const model = new AdcpModel();
    Object.assign(model, change(model));
    const report = await runPython(await serveModel(model), { ...seller, profile: "adcp", only: [id] });
    expect(verdictsOf(report)).toEqual([`${id} ${id === "MA11" ? "warn" : "fail"}`]);
  });

  test.for<[program: string, options: Options]>([
    ["examples/mcp/server.ts", shop],
    ["examples/mcp/careless.ts", shop],
    ["test/verify/reading-tool-child.ts", shop],
    ["examples/mcp/adcp.ts", { ...seller, profile: "adcp" }],
  ])("agrees with verify about %s over HTTP", async ([program, options]) => {
    const start = (): Promise<string> =>
      startMcpHttp({ program, env: { SHOP_DB: join(temporaryFolder(), "shop.db") } });
    const [own, python] = [await runOwn(await start(), options), await runPython(await start(), options)];
    const sure = (report: McpVerifyReport): string[] =>
      verdictsOf(report).filter(
        (line) => program.includes("/server") || program.includes("/adcp") || !races.has(line.slice(0, 4)),
      );
    expect(sure(python)).toEqual(sure(own));
    expect(own.cases.length).toBeGreaterThan(40);
  });

  test("agrees with verify on stdio", async () => {
    const server = [process.execPath, "--conditions=@once-again/source", "examples/mcp/careless.ts"] as const;
    const options = { ...shop, only: ["MT", "MK", "MR", "MF", "MC04", "ME"] };
    const [own, python] = [await runOwn(server, options), await runPython(server, options)];
    expect(verdictsOf(python)).toEqual(verdictsOf(own));
  });
});
