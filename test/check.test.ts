import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "./support/temporary-folder.ts";

const own = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const { scripts } = JSON.parse(readFileSync(own("package.json"), "utf8")) as { scripts: Record<string, string> };
const checks = [...Object.keys(scripts).filter((name) => name.startsWith("check:")), "docs:build"];

/** Runs `npm run check` where these scripts fail. @returns its exit code, and the names of the scripts as they ended. */
function check(failing: readonly string[]): Promise<{ code: number; ended: string[] }> {
  const cwd = temporaryFolder();
  const scripts = checks.map((name) => [name, `echo ended ${name}${failing.includes(name) ? " && false" : ""}`]);
  writeFileSync(join(cwd, "package.json"), JSON.stringify({ scripts: Object.fromEntries(scripts) as object }));
  return new Promise((resolve) => {
    execFile(process.execPath, [own("scripts/check.ts")], { cwd }, (error, stdout) =>
      resolve({
        code: Number(error?.code ?? 0),
        ended: Array.from(stdout.matchAll(/^ended (\S+)$/gm), ([, name]) => name!),
      }),
    );
  });
}

test("npm run check runs every check, the sizes after the build", async () => {
  const { code, ended } = await check([]);
  expect(ended.toSorted()).toEqual(checks.toSorted());
  expect(ended.indexOf("check:size")).toBeGreaterThan(ended.indexOf("check:package"));
  expect(code).toBe(0);
});

test("one check that fails makes it fail, and comes last", async () => {
  const { code, ended } = await check(["check:lint"]);
  expect(ended.toSorted()).toEqual(checks.toSorted());
  expect(ended.at(-1)).toBe("check:lint");
  expect(code).toBe(1);
});

test("what could not be built is not measured", async () => {
  const { code, ended } = await check(["check:package"]);
  expect(ended.toSorted()).toEqual(checks.filter((name) => name !== "check:size").toSorted());
  expect(code).toBe(1);
});
