import { execFile } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The programs of docs/guides/agents.md; examples/mcp/server.ts is started by servers.test.ts.

/** Runs a program twice, in one folder. */
async function runTwice(program: string): Promise<readonly string[]> {
  const options = { cwd: temporaryFolder() };
  const args = ["--conditions=@once-again/source", resolve("examples/guides", program)];
  const run = async () => (await promisify(execFile)(process.execPath, args, options)).stdout;
  return [await run(), await run()];
}

test("guides/agents.ts charges at its first run, and not at its second", async () => {
  const [first, second] = await runTwice("agents.ts");
  expect(first!.match(/^charging order-\d, with a key of 36 characters$/gm)).toHaveLength(2);
  expect(second).toBe(first!.replaceAll(/^charging .*\n/gm, ""));
  expect(second).toContain("receipt of order-8");
});

test("guides/agents-sdks.ts charges once by the tool of each SDK, and not at its second run", async () => {
  const [first, second] = await runTwice("agents-sdks.ts");
  const orders = ["order-1", "order-2", "order-3", "order-4"];
  expect(first!.match(/^charging order-\d$/gm)).toEqual(orders.map((order) => `charging ${order}`));
  expect(second).toBe(orders.map((order) => `receipt of ${order}\n`).join(""));
});
