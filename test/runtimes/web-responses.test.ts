import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { findBinary } from "../support/servers/binary.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { bun, deno } from "./runtimes.ts";

for (const [name, runtime, args] of [
  ["Bun", bun, []],
  ["Deno", deno, ["run", "--no-lock", "--allow-all"]],
] as const) {
  describeWithServer(name, runtime.binary, () => {
    test("a first response and its repeat are what the server sends of a handler's own, with its type and length", async () => {
      const program = join(temporaryFolder(), "server.mjs");
      await build({
        entryPoints: [resolve("test/runtimes/web-responses-child.ts")],
        outfile: program,
        bundle: true,
        platform: "node",
        format: "esm",
        conditions: ["@once-again/source"],
      });
      const { stdout } = await promisify(execFile)(findBinary(runtime.binary)!, [...args, program]);
      const report = JSON.parse(stdout) as Record<string, Record<"without" | "first" | "repeat", unknown>>;
      expect(Object.keys(report)).toHaveLength(8);
      for (const [response, { without, first, repeat }] of Object.entries(report)) {
        expect({ response, got: first }).toEqual({ response, got: without });
        expect({ response, got: repeat }).toEqual({ response, got: without });
      }
    });
  });
}
