import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { serverNames, testFiles, tiers } from "../scripts/test-files.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

/** The part of the tests in which one file is, with these beside it. */
function tierOf(text: string, others: Readonly<Record<string, string>> = {}): string | undefined {
  const root = temporaryFolder();
  for (const [path, content] of Object.entries({ "test/some.test.ts": text, ...others })) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return testFiles(root).find(({ path }) => path === "test/some.test.ts")?.tier;
}

const spawning = 'import { spawn } from "node:child_process";\nexport const start = () => spawn("redis-server");\n';
const plain = "export const plain = 1;\n";

test.for<[string, string, string]>([
  ["that imports nothing", "", "shared"],
  ["that imports what starts a process", 'import { start } from "./start.ts";', "processes"],
  ["that imports it through another", 'import { start } from "./through.ts";', "processes"],
  ["that imports it later", 'const later = await import("./start.ts");', "processes"],
  ["that imports its types alone", 'import type { start } from "./start.ts";', "shared"],
  ["that imports something else by an index", 'import { plain } from "./index.ts";', "shared"],
  ["that imports it by an index", 'import {\n  plain,\n  start as begin,\n} from "./index.ts";', "processes"],
  ["that imports it by another name of an index", 'import { go } from "./index.ts";', "processes"],
  ["that imports all of an index", 'import * as all from "./index.ts";', "processes"],
  ["that drives a browser", 'import { chromium } from "playwright-core";', "processes"],
  ["with TypeScript's compiler", 'import ts from "typescript";', "compiler"],
  ["with a clock that it replaces", "vi.useFakeTimers();", "alone"],
  ["that sets a variable", 'process.env["PATH"] = "";', "alone"],
  ["that reads one", 'if (process.env["CI"] === "true") expect(1).toBe(1);', "shared"],
  ["with a helper that changes globals", 'import { change } from "./change.ts";', "alone"],
])("a file %s", ([, text, tier]) => {
  const others = {
    "test/start.ts": spawning,
    "test/plain.ts": plain,
    "test/through.ts": 'import { start } from "./start.ts";\nexport const through = start;\n',
    "test/index.ts":
      '/** All. */\nexport { plain } from "./plain.ts";\nexport { start, start as go } from "./start.ts";\nexport type { Some } from "./none.ts";\n',
    "test/change.ts": "export const change = () => Object.assign(globalThis, { fetch: undefined });\n",
  };
  expect(tierOf(text, others)).toBe(tier);
});

test("each file is in one part, and each part has some", () => {
  const files = testFiles();
  expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
  for (const one of tiers) expect(files.filter(({ tier }) => tier === one).length).toBeGreaterThan(3);
});

test("each server has files that need it, none of which runs without processes", () => {
  const files = testFiles();
  for (const server of serverNames()) {
    const needing = files.filter(({ servers, tier }) => servers.has(server) && tier === "processes");
    expect(
      needing.map(({ path }) => path),
      server,
    ).not.toEqual([]);
  }
});
