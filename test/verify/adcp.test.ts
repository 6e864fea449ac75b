import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mcpCases, mcpProfiles, type McpVerifyOptions, verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { runCli } from "../support/cli.ts";
import { startHttpServer } from "../support/http-server.ts";
import { startMcpHttp } from "../support/mcp.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { AdcpModel } from "./adcp-model.ts";
import { adcpViolations } from "./adcp-violations.ts";

const { sentences, cases } = mcpProfiles.adcp;

const options = {
  profile: "adcp",
  tool: "create_media_buy",
  arguments: '{"budget":5000,"name":"{{unique}}"}',
  refusedArguments: '{"budget":0}',
  countTool: "count_media_buys",
  headers: [["authorization", "Bearer alice"]],
  otherHeaders: [["authorization", "Bearer bob"]],
  pauseMs: 50,
} as const satisfies Omit<McpVerifyOptions, "server">;

const summarize = ({ cases: results }: Awaited<ReturnType<typeof verifyMcp>>, ...kinds: string[]) =>
  results.filter(({ kind }) => kinds.includes(kind)).map(({ id, observed }) => `${id} ${observed}`);

/** Verifies a model. */
async function verifiedModel(model: AdcpModel, only?: readonly string[]) {
  const server = await startHttpServer((request, response) => void model.listen(request, response));
  return verifyMcp({ ...options, server, ...(only && { only }) });
}

test("each sentence has cases, or says why none can test it; each own case is of a sentence", () => {
  const known = new Set([...mcpCases, ...cases].map(({ id }) => id));
  const named = sentences.flatMap((sentence) => sentence.cases);
  const bare = sentences.filter(({ cases: ids, untested }) => (ids.length === 0) !== (untested !== undefined));
  expect(bare).toEqual([]);
  expect(named.filter((id) => !known.has(id))).toEqual([]);
  expect(cases.filter(({ id }) => !named.includes(id))).toEqual([]);
  expect(Object.keys(adcpViolations)).toEqual(cases.map(({ id }) => id));
});

describe("a seller that keeps the rules", () => {
  test("passes every case: the model", async () => {
    const report = await verifiedModel(new AdcpModel());
    expect(summarize(report, "fail", "warn", "not-applicable")).toEqual([]);
  });

  test("passes every case: examples/mcp/adcp.ts", async () => {
    const env = { SHOP_DB: join(temporaryFolder(), "shop.db") };
    const server = await startMcpHttp({ program: "examples/mcp/adcp.ts", env });
    const report = await verifyMcp({ ...options, server });
    expect(summarize(report, "fail", "warn", "not-applicable")).toEqual([]);
    expect(report).toMatchObject({ profile: "adcp", effects: "counted" });
  });
});

test.for(Object.entries(adcpViolations))("%s fails or warns at a seller that breaks its rule", async ([id, change]) => {
  const model = new AdcpModel();
  Object.assign(model, change(model));
  const report = await verifiedModel(model, [id]);
  expect(report.cases).toEqual([expect.objectContaining({ id, kind: id === "MA11" ? "warn" : "fail" })]);
});

test("the careless MCP server fails it, by name", async () => {
  const server = await startMcpHttp({ program: "examples/mcp/careless.ts" });
  const given = { ...options, tool: "order", arguments: '{"item":"tea {{unique}}"}', countTool: "count_orders" };
  const report = await verifyMcp({ ...given, refusedArguments: '{"item":"unicorn"}', server });
  const failed = report.cases.filter(({ kind }) => kind === "fail").map(({ id }) => id);
  expect(failed).toEqual(expect.arrayContaining(["MA01", "MA02", "MA03", "MA07", "MA09", "MS01", "MK06"]));
});

test.for([
  ["mcp", "once-again verify mcp --tool NAME URL"],
  ["adcp", "once-again verify mcp --profile adcp"],
  ["none", "Allowed choices are draft, acp, stripe, ucp, webhooks."],
])("verify --profile %s says what to use", async ([profile, problem]) => {
  const { code, stderr } = await runCli(["verify", "http://127.0.0.1:1/", "--profile", profile!]);
  expect(code).toBe(2);
  expect(stderr).toContain(problem);
});
