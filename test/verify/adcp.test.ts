import { join } from "node:path";
import { expect, test } from "vitest";
import { mcpCases, mcpProfiles, type McpVerifyOptions, verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { runCli } from "../support/cli.ts";
import { startMcpHttp } from "../support/mcp.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { alice, bob, mcpOptions } from "./verify-mcp-model.ts";

const { sentences, cases } = mcpProfiles.adcp;

const options = {
  ...mcpOptions.adcp,
  headers: [["authorization", alice]],
  otherHeaders: [["authorization", bob]],
  pauseMs: 50,
} as const satisfies Omit<McpVerifyOptions, "server">;

test("each sentence has cases, or says why none can test it; each own case is of a sentence", () => {
  const known = new Set([...mcpCases, ...cases].map(({ id }) => id));
  const named = sentences.flatMap((sentence) => sentence.cases);
  const bare = sentences.filter(({ cases: ids, untested }) => (ids.length === 0) !== (untested !== undefined));
  expect(bare).toEqual([]);
  expect(named.filter((id) => !known.has(id))).toEqual([]);
  expect(cases.filter(({ id }) => !named.includes(id))).toEqual([]);
});

test("examples/mcp/adcp.ts passes every case", async () => {
  const env = { SHOP_DB: join(temporaryFolder(), "shop.db") };
  const server = await startMcpHttp({ program: "examples/mcp/adcp.ts", env });
  const report = await verifyMcp({ ...options, server });
  expect(report.cases.filter(({ kind }) => kind !== "pass")).toEqual([]);
  expect(report).toMatchObject({ profile: "adcp", effects: "counted" });
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
