import { execFile } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The programs of docs/guides/agents.md; examples/mcp/server.ts is started by servers.test.ts.

test("guides/agents.ts charges at its first run, and not at its second", async () => {
  const options = { cwd: temporaryFolder() };
  const args = ["--conditions=@once-again/source", resolve("examples/guides/agents.ts")];
  const run = async () => (await promisify(execFile)(process.execPath, args, options)).stdout;
  const [first, second] = [await run(), await run()];
  expect(first.match(/^charging order-\d, with a key of 36 characters$/gm)).toHaveLength(2);
  expect(second).toBe(first.replaceAll(/^charging .*\n/gm, ""));
  expect(second).toContain("receipt of order-8");
});
