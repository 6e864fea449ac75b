import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import type { Check } from "./mutant.ts";

/** The text of a check that came to no result, as when it can't start: it noticed something else. */
export class NoResult extends Error {}

/** A check that did not end in its time: the mutant took the end away. */
export class NoEnd extends Error {}

/** Longer than any check takes without a mutant, milliseconds. */
export const checkMsMax = 600_000;

/** A test that waits for what a mutant took away waits no longer than this, milliseconds. */
const testMsMax = 60_000;

/**
 * Runs a check in a copy of the sources, and answers with the names of the invariants or tests that broke.
 *
 * @throws NoResult when the check has no result, as when it can't start.
 * @throws NoEnd when it takes longer than `msMax`.
 * @param test the only one of a file of tests that is run; a mutant may have many of them wait for ever.
 */
export async function runCheck(
  folder: string,
  check: Check,
  { test, msMax = checkMsMax }: { test?: string; msMax?: number } = {},
): Promise<string[]> {
  const run = (program: string, args: readonly string[]): Promise<string> => outputOf(folder, program, args, msMax);
  switch (check.kind) {
    case "explorer": {
      const found = await run("test/proof/explorer/main.ts", [
        ...["--only", check.configuration, "--deliveries", "2", "--json"],
      ]);
      const findings = JSON.parse(found) as { verdict: string; asExpected: boolean }[];
      return findings.filter(({ asExpected }) => !asExpected).map(({ verdict }) => verdict);
    }
    case "simulation": {
      const found = await run("test/proof/simulation/main.ts", [
        ...["--scenario", check.scenario ?? "requests", "--seeds", String(check.seeds), "--json"],
      ]);
      const { failures } = JSON.parse(found) as { failures: { breaches: { invariant: string }[] }[] };
      return [...new Set(failures.flatMap(({ breaches }) => breaches.map(({ invariant }) => invariant)))];
    }
    case "programs": {
      const found = await run("test/proof/programs/main.ts", [
        ...["--place", check.place, "--programs", "60", "--quick", "--json"],
      ]);
      const results = JSON.parse(found) as { broken: { breaches: { rule: string }[] } | null }[];
      return results.flatMap(({ broken }) => broken?.breaches.map(({ rule }) => rule) ?? []);
    }
    case "test": {
      const found = await run(join("node_modules", "vitest", "vitest.mjs"), [
        ...["run", check.file, "--reporter=json", ...(test === undefined ? [] : alone(test))],
      ]);
      const { testResults } = JSON.parse(found.slice(found.indexOf("{"))) as {
        testResults: { assertionResults: { status: string; fullName: string }[] }[];
      };
      const results = testResults.flatMap(({ assertionResults }) => assertionResults);
      const ran = results.filter(({ status }) => status === "passed" || status === "failed");
      if (ran.length === 0)
        throw new NoResult(`${check.file} has no test that runs${test === undefined ? "" : `, of "${test}"`}.`);
      return ran.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
    }
  }
}

/** The arguments for one test, by its name. */
function alone(test: string): string[] {
  const pattern = test.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  return ["--testNamePattern", pattern, `--testTimeout=${testMsMax}`, `--hookTimeout=${testMsMax}`];
}

/** Runs a program in the copy, whatever its exit code, and returns its output. Its own children end with it. */
function outputOf(cwd: string, program: string, args: readonly string[], msMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // A group of processes can be ended as one: the tests' workers, and the servers that they started.
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      process.kill(-child.pid!, "SIGKILL");
    }, msMax);
    child.once("error", reject);
    child.once("exit", () => clearTimeout(timer));
    output.then(([stdout, stderr]) => {
      if (isOver) reject(new NoEnd(`${program} did not end within ${msMax} ms.`));
      else if (stdout.includes("{")) resolve(stdout);
      else reject(new NoResult(`${program} printed no result.\n${stderr}`));
    }, reject);
  });
}
