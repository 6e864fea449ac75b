import { join } from "node:path";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { mcpCases, planMcp, verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { cliDocument, runCli } from "../support/cli.ts";
import { startMcpHttp } from "../support/mcp.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const plain = {
  tool: "order",
  arguments: '{"item":"tea {{unique}}","quantity":1}',
  refusedArguments: '{"item":"unicorn","quantity":1}',
  countTool: "count_orders",
  pauseMs: 50,
};
const alice = [["authorization", "Bearer alice"]] as const;
const bob = [["authorization", "Bearer bob"]] as const;
const over = (server: string) => ({ ...plain, server, headers: alice, otherHeaders: bob });

const failed = ({ cases }: Awaited<ReturnType<typeof verifyMcp>>): string[] =>
  cases.filter(({ kind }) => kind === "fail").map(({ id, observed }) => `${id} ${observed}`);

const stdio = (program: string): [string, ...string[]] => [
  process.execPath,
  "--conditions=@once-again/source",
  program,
];

test("there are fifty-one cases, each with a unique id", () => {
  expect(new Set(mcpCases.map(({ id }) => id)).size).toBe(51);
});

describe("our own server", () => {
  test("fails no case over HTTP, and all are applicable", async () => {
    const server = await startMcpHttp({
      program: "examples/mcp/server.ts",
      env: { SHOP_DB: join(temporaryFolder(), "shop.db") },
    });
    const report = await verifyMcp(over(server));
    expect(failed(report)).toEqual([]);
    expect(report.cases.filter(({ kind }) => kind !== "pass")).toEqual([]);
    expect(report.effects).toBe("counted");
  });

  test("fails none on stdio", async () => {
    process.env["SHOP_DB"] = join(temporaryFolder(), "shop.db");
    const only = ["MT", "MK", "MR01", "MR02", "MR06", "MF", "MC01", "MD01", "MD03", "ME"];
    expect(failed(await verifyMcp({ ...plain, server: stdio("examples/mcp/server.ts"), only }))).toEqual([]);
    delete process.env["SHOP_DB"];
  });
});

describe("a server on stdio that fails", () => {
  const program = (text: string): [string, ...string[]] => [process.execPath, "-e", text];

  test("is reported with the end of its stderr, where it ends at once", async () => {
    const server = program('console.error("\\u001b[31mno such file: server.js"); process.exitCode = 3');
    await expect(verifyMcp({ server })).rejects.toThrow(
      /the server ended \(3\); its stderr ends with: \[31mno such file: server\.js/,
    );
  });

  test("is reported with it, where it never answers", async () => {
    const server = program('console.error("Traceback\\n  ValueError: no order"); process.stdin.resume()');
    await expect(verifyMcp({ server, timeoutMs: 2000 })).rejects.toThrow(
      /no answer within 2000 ms; its stderr ends with: Traceback \| ValueError: no order/,
    );
  });
});

describe("a careless server", () => {
  test("fails more than ten cases over HTTP, of every kind", async () => {
    const report = await verifyMcp(over(await startMcpHttp({ program: "examples/mcp/careless.ts" })));
    const ids = failed(report).map((line) => line.slice(0, 4));
    expect(ids.length).toBeGreaterThanOrEqual(10);
    expect(new Set(ids.map((id) => id[1]))).toEqual(new Set("TKFCDS"));
  });

  test("fails as many on stdio", async () => {
    const report = await verifyMcp({ ...plain, server: stdio("examples/mcp/careless.ts") });
    expect(failed(report).length).toBeGreaterThanOrEqual(10);
  });

  test("is called by nothing, as long as no tool is named", async () => {
    const server = await startMcpHttp({ program: "examples/mcp/careless.ts" });
    const { cases, tool } = await verifyMcp({ server, headers: alice });
    expect(tool).toBeUndefined();
    expect(cases.filter(({ kind }) => kind !== "not-applicable").map(({ id }) => id.slice(0, 2))).toEqual(
      Array.from({ length: 12 }, () => "MT"),
    );
    const { cases: counted } = await verifyMcp({ ...over(server), only: ["MR02"] });
    // The plain call at the start is the first order of all.
    expect(counted[0]!.observed).toContain("Order 2:");
  });
});

test("a plan shows every case, as far as the options go, and sends nothing", async () => {
  const plan = await planMcp(over("http://127.0.0.1:1/mcp"));
  expect(plan).toHaveLength(51);
  expect(plan.filter(({ messages, missing }) => messages.length === 0 && missing === undefined)).toEqual([]);
});

test("on the command line it says what was found, and how it went", async () => {
  const server = await startMcpHttp({ program: "examples/mcp/careless.ts" });
  const flags = ["verify", "mcp", server, "-H", "authorization: Bearer alice", "--tool", "order"];
  const args = ["-d", '{"item":"tea {{unique}}"}', "--only", "MT07,MR01"];
  const { code, stdout } = await runCli([...flags, ...args]);
  expect(code).toBe(1);
  expect(stdout).toContain("  ✗ MT07  No tool asks the model to make a key\n");
  expect(stdout).toMatch(/\n1 passed, 1 failed, 0 warned, 0 not applicable\n$/);
  const { document } = await cliDocument(...flags, ...args);
  expect(document).toMatchObject({ tool: "order", effects: "guessed", cases: [{ id: "MT07" }, { id: "MR01" }] });
  const dry = await runCli([
    "verify",
    "mcp",
    "--dry-run",
    "--tool",
    "order",
    "--only",
    "MR01",
    "http://127.0.0.1:1/mcp",
  ]);
  expect(dry.stdout).toMatch(/MR01 .*\n {4}tools\/call [^]*\n1 cases, at least 2 messages\. Nothing was sent\.\n$/);
});

test.for<[flags: string[], problem: string]>([
  [["http://user:s3cret@127.0.0.1/"], "server must be an http: or https: URL without a password"],
  [["no-such-command-here"], "the server can't be started"],
  [["http://127.0.0.1:1/mcp"], "no answer: bad port"],
  [["http://127.0.0.1:1/mcp", "--only", "R01"], "only must be ids of cases (MR01)"],
  [["http://127.0.0.1:1/mcp", "-d", "[]"], "arguments must be a JSON object"],
  [[], "missing required argument"],
])("%s is wrong usage", async ([flags, problem]) => {
  const { code, stdout, stderr } = await runCli(["verify", "mcp", ...flags]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(problem);
  expect(stderr).not.toContain("s3cret");
});
