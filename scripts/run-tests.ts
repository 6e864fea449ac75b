/**
 * Runs a part of the tests: `node scripts/run-tests.ts PART [--kit NAME]... [--slowest COUNT] [options and files of vitest]`.
 *
 * - `quick`: all that starts no process, in minutes.
 * - `servers`: what a server of `test/support/servers` is needed for; with `--kit postgres` for that one alone.
 * - `all`: everything.
 *
 * `--slowest 30` lists the files that took longest.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { serverNames, testFiles } from "./test-files.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const [part, ...rest] = process.argv.slice(2);
const kits = takeOption(rest, "--kit");
const [slowest] = takeOption(rest, "--slowest");

/** Removes an option with its values from a command line, and returns these. */
function takeOption(args: string[], name: string): string[] {
  const values: string[] = [];
  for (let at = args.indexOf(name); at >= 0; at = args.indexOf(name)) {
    const [, value] = args.splice(at, 2);
    if (value === undefined) throw new Error(`${name} needs a value.`);
    values.push(value);
  }
  return values;
}

/** The arguments for vitest, and the servers that may be used; `undefined`: all of them. */
async function chosenTests(): Promise<{ args: readonly string[]; servers?: string }> {
  if (kits.length > 0 && part !== "servers") throw new Error("--kit goes with test:servers.");
  if (part === "quick") return { args: ["--project", "alone", "--project", "shared"] };
  if (part === "all") return { args: [] };
  if (part !== "servers") throw new Error(`Name a part of the tests, and not ${part}: quick, servers, all.`);
  const known = serverNames();
  const unknown = kits.find((kit) => !known.includes(kit));
  if (unknown !== undefined) throw new Error(`There is no kit ${unknown}. There are ${known.join(", ")}.`);
  const wanted = kits.length > 0 ? kits : known;
  const files = testFiles().filter(
    ({ tier, servers }) => tier === "processes" && wanted.some((one) => servers.has(one)),
  );
  const args = ["--project", "processes", ...files.map(({ path }) => path)];
  return kits.length === 0 ? { args } : { args, servers: (await programsOf(kits)).join() };
}

/** The names of the programs of some servers. */
async function programsOf(servers: readonly string[]): Promise<string[]> {
  const modules = await Promise.all(
    servers.map((name) => import(`../test/support/servers/${name}.ts`) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) =>
    Object.values(module).flatMap((value) => {
      const { name, install } = Object(value) as { name?: unknown; install?: unknown };
      return typeof name === "string" && typeof install === "string" ? [name] : [];
    }),
  );
}

interface Report {
  readonly testResults: readonly { readonly name: string; readonly startTime: number; readonly endTime: number }[];
}

function listSlowest({ testResults }: Report, count: number): string {
  const files = testResults.map(({ name, startTime, endTime }) => ({ name, seconds: (endTime - startTime) / 1000 }));
  files.sort((one, other) => other.seconds - one.seconds);
  const lines = files
    .slice(0, count)
    .map(({ name, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${relative(root, name)}`);
  return ["The files that took longest, beside others:", ...lines, ""].join("\n");
}

const { args, servers } = await chosenTests();
const folder = mkdtempSync(join(tmpdir(), "once-again-tests-"));
const report = join(folder, "report.json");
const reporters = slowest === undefined ? [] : ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const { status } = spawnSync(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), "run", ...args, ...reporters, ...rest],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...(servers !== undefined && { ONCE_AGAIN_SERVERS: servers }) },
  },
);
if (slowest !== undefined)
  process.stdout.write(listSlowest(JSON.parse(readFileSync(report, "utf8")) as Report, Number(slowest)));
rmSync(folder, { recursive: true });
process.exitCode = status ?? 1;
