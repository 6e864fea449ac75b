import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// patched-responses.test.ts has a selection of its rows, in seconds. Here are all of them, in minutes.

test("whatever changes the methods of a response, on each framework, in each way: its repeat is the first response", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const args = ["node_modules/vitest/vitest.mjs", "run", "test/frameworks/patched-responses.test.ts"];
  const output = await new Promise<string>((resolve) => {
    const env = { ...process.env, ONCE_AGAIN_PATCHED: "all", NO_COLOR: "1" };
    execFile(process.execPath, args, { cwd: root, env, maxBuffer: 2 ** 28 }, (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}\nended with ${String(error?.code ?? 0)}`),
    );
  });
  expect(output.slice(-20_000)).toMatch(/ended with 0$/);
});
