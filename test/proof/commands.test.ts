import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { natsBinary } from "../support/servers/nats.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of this folder's commands to its end, or one of bench/. */
function run(command: string, ...args: string[]): Promise<Ended> {
  const path = command.startsWith("bench/") ? `../../${command}/main.ts` : `${command}/main.ts`;
  return new Promise((resolve) => {
    execFile(process.execPath, [fileURLToPath(new URL(path, import.meta.url)), ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const benchmarks = [
  "bench/defaults",
  "bench/intents",
  "bench/judge",
  "bench/messages",
  "bench/retention",
  "bench/storm-data",
  "bench/storms",
];

describe.for([
  "explorer",
  "simulation",
  "crash",
  "failover",
  "differential",
  "drill",
  "fuzz",
  "mutation",
  "outgoing",
  "programs",
  "spec",
  ...benchmarks,
])("the command of %s", (name) => {
  test("shows its help, and ends with 0", async () => {
    const { code, stdout } = await run(name, "--help");
    expect(code).toBe(0);
    expect(stdout).toContain("--json");
    expect(stdout).toContain("Exit codes");
  });

  test("ends with 2, and its help on stderr, when it is used wrongly", async () => {
    const { code, stdout, stderr } = await run(name, "--no-such-option");
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("npm run");
  });
});

test.for([
  ["explorer", "--only", "nothing"],
  ["explorer", "--deliveries", "4"],
  ["simulation", "--seeds", "none"],
  ["simulation", "--seed", "1", "--long"],
  ["simulation", "--scenario", "letters"],
  ["simulation", "--scenario", "messages", "--regions"],
  ["crash", "--engine", "memory"],
  ["crash", "--engine", "redis", "--mode", "transactional"],
  ["crash", "--seconds", "0"],
  ["crash", "--without", "nothing"],
  ["crash", "--engine", "sqlite", "--beside", "HEAD", "--trace", "trace.jsonl"],
  ["simulation", "--trace", "trace.jsonl", "--scenario", "messages"],
  ["crash", "--broker", "rabbitmq"],
  ["crash", "--scenario", "messages", "--mode", "hold"],
  ["crash", "--scenario", "messages", "--engine", "redis"],
  ["crash", "--scenario", "messages", "--without", "same-key"],
  ["drill", "--accident", "nothing"],
  ["drill", "--speed", "0"],
  ["fuzz", "--seconds", "1"],
  ["fuzz", "--target", "nothing"],
  ["fuzz", "--target", "parsers", "--workers", "2"],
  ["mutation", "--only", "no such guard"],
  ["programs", "--place", "nowhere"],
  ["programs", "--programs", "none"],
  ["spec", "--only", "no such model"],
  ["spec", "--at-once", "0"],
  ["spec", "--only", "key", "--replay"],
  ["bench/defaults", "--seeds", "101"],
  ["bench/defaults", "--time-out", "1s"],
  ["failover", "--engine", "memory"],
  ["failover", "--engine", "nats", "--rounds", "0"],
  ["bench/retention", "--engine", "redis"],
  ["bench/retention", "--engine", "sqlite", "--keys", "9999"],
  ["bench/intents", "--intents", "none"],
  ["bench/judge", "--operations", "999"],
  ["bench/messages", "--rows", "none"],
  ["bench/storms", "--callers", "1000001"],
  ["bench/storms", "--rounds", "101"],
])("%s %s %s is refused", async ([name, ...args]) => {
  expect((await run(name!, ...args)).code).toBe(2);
});

test("the explorer prints the story of a counterexample, and its JSON has it too", async () => {
  const args = ["--only", "rerun, plain effect", "--deliveries", "2"];
  const { code, stdout } = await run("explorer", ...args);
  expect(code).toBe(0);
  expect(stdout).toMatch(/VIOLATED {2}rerun, plain effect[^]*1\. request[^]*Broken, one-effect/);
  const [finding] = JSON.parse((await run("explorer", ...args, "--json")).stdout) as { verdict: string }[];
  expect(finding).toMatchObject({ verdict: "one-effect", asExpected: true });
});

test("the data of the storms are what their command makes", async () => {
  const { code, stdout } = await run("bench/storm-data", "--check", "3", "--workers", "2", "--json");
  expect(JSON.parse(stdout)).toEqual({ checked: 3, other: [], stale: [] });
  expect(code).toBe(0);
});

test("the guide's share of storms that collapse is that of 400 seeds", async () => {
  const { stdout } = await run("bench/storm-data", "--seeds", "400", "--workers", "2");
  const cells = (line: string): string[] => line.split("|").map((cell) => cell.trim());
  const guide = readFileSync("docs/guides/storm-data.md", "utf8").split("\n").map(cells);
  const rows = stdout.trimEnd().split("\n").map(cells).slice(2);
  expect(rows.length).toBe(5);
  for (const row of rows) expect(guide).toContainEqual(row);
});

test("a long history is judged whole, in a heap that has no room for it", async () => {
  const { code, stdout } = await run("bench/judge", "--operations", "100000", "--json");
  const rules = ["one-effect", "same-answer", "own-answer", "no-lost-effect", "order-per-key"];
  const anomalies = Object.fromEntries(rules.map((rule) => [rule, 1]));
  expect(JSON.parse(stdout)).toMatchObject({ runs: [{ anomalies }, { anomalies }], missed: [] });
  expect(code).toBe(0);
});

test("the simulation plays one seed twice, and says that it went the same way", async () => {
  const { code, stdout } = await run("simulation", "--seed", "7", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ seed: 7, reproduces: true, breaches: [] });
});

test("a run too short to hit every critical window fails, and names them", async () => {
  const { code, stdout } = await run("simulation", "--seeds", "1", "--workers", "1");
  expect(code).toBe(1);
  expect(stdout).toContain("NEVER HIT");
});

describeWithServer("with NATS", natsBinary, () => {
  test("a crash run of messages prints its document", async () => {
    const flags = ["--scenario", "messages", "--engine", "sqlite", "--broker", "nats", "--seconds", "2", "--json"];
    const { code, stdout, stderr } = await run("crash", ...flags);
    expect(stderr).toBe("");
    const runs = JSON.parse(stdout) as Record<"breaches" | "failures" | "missedWindows", unknown[]>[];
    for (const { breaches, failures } of runs) expect([breaches, failures]).toEqual([[], []]);
    // Runs so short may all miss the same window, and then the command fails.
    const missed = runs[0]!.missedWindows.filter((window) => runs.every((one) => one.missedWindows.includes(window)));
    expect(code).toBe(missed.length > 0 ? 1 : 0);
  });
});
