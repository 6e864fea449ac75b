import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cliDocument, runCli } from "../../../../../test/support/cli.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { findPeakSecond, formatPercent } from "../../console/storms/format.ts";
import { presets, simulateStorm, type StormResult } from "../../simulator/index.ts";
import { formatHtml } from "./report-html.ts";
import { drawSparkline } from "./report-text.ts";
import { scaleTo } from "./scale.ts";
import { drawStorms } from "./storms-svg.ts";

const small = ["storm", "--callers", "200", "--within", "1s", "--duration", "20s"];

test("--json prints what the simulator returns, and nothing else", async () => {
  const { code, document } = await cliDocument("storm", "--preset", "layered-retries");
  expect(code).toBe(0);
  expect(document).toEqual({ results: presets["layered-retries"].storms.map((storm) => simulateStorm(storm)) });
});

test("flags say what is simulated", async () => {
  const policy = [
    "--attempts",
    "3",
    "--timeout",
    "250ms",
    "--backoff",
    "linear",
    "--base",
    "50ms",
    "--jitter",
    "equal",
  ];
  const service = [
    "--capacity",
    "500",
    "--workers",
    "5",
    "--queue",
    "50",
    "--retry-after",
    "2s:spread",
    "--outage",
    "1s-2s:hold,3s-4s,5s-6s:shed",
  ];
  const { document } = await cliDocument(
    ...small,
    "--seed",
    "9",
    ...policy,
    ...service,
    "--budget",
    "aws",
    "--breaker",
  );
  const [{ settings }] = (document as { results: [StormResult] }).results;
  expect(settings).toMatchObject({
    seed: 9,
    durationMs: 20_000,
    arrivals: { kind: "at-once", callers: 200, withinMs: 1000 },
    policy: {
      attemptsMax: 3,
      attemptTimeoutMs: 250,
      backoff: { kind: "linear", baseMs: 50, jitter: "equal" },
      budget: { kind: "aws" },
      circuitBreaker: {},
    },
    services: [{ workers: 5, serviceMs: 10, queueMax: 50, retryAfterMs: 2000, retryAfter: "spread" }],
    outages: [
      { fromMs: 1000, toMs: 2000, kind: "hold" },
      { fromMs: 3000, toMs: 4000, kind: "refuse" },
      { fromMs: 5000, toMs: 6000, kind: "shed" },
    ],
  });
});

test("the guide's program runs", () => {
  const flags = ["--conditions=@once-again/source", "--disable-warning=ExperimentalWarning"];
  const printed = execFileSync(process.execPath, [...flags, "examples/guides/storm.ts"], { encoding: "utf8" });
  expect(printed).toMatch(/no budget [^]*metastable[^]*success budget [^]*recovered/);
});

test("policies are compared on one storm, with lines to look at", async () => {
  const { code, stdout, stderr } = await runCli([...small, "--compare", "no-jitter,full-jitter+no-budget"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^no-jitter {2}all ended/m);
  expect(stdout).toMatch(/^full-jitter\+no-budget {2}all ended/m);
  expect(stdout).toMatch(/attempts +[ ▁-█]{60} [\d,]+\/s/);
});

test("--trials says in which share of the seeds a storm collapses, beside the one that is drawn", async () => {
  const [rate, policy] = [
    ["--rate", "16", "--capacity", "20", "--workers", "2", "--outage", "5s-10s", "--duration", "40s"],
    ["--attempts", "4", "--base", "200ms", "--cap", "5s", "--compare", "no-budget+no-jitter,no-retries"],
  ];
  const flags = ["storm", ...rate, ...policy, "--trials", "20"];
  const { document } = await cliDocument(...flags);
  expect(document).toMatchObject({
    results: [{ name: "no-budget+no-jitter" }, { name: "no-retries" }],
    trials: [
      { name: "no-budget+no-jitter", seed: 1, trials: 20, collapsed: 0.7 },
      { name: "no-retries", seed: 1, trials: 20, collapsed: 0, succeeded: { collapsed: null } },
    ],
  });
  const { stdout } = await runCli(flags);
  expect(stdout).toMatch(/^no-budget\+no-jitter +70% +\d\d% +9\d%$/m);
  expect(stdout).toMatch(/^no-retries +0% +- +8\d%$/m);
});

test("a share is 0% or 100% only where it is exactly that", () => {
  expect([0, 1, 0.999, 0.9996, 0.0004, 0.057, 0.205, 0.995].map(formatPercent)).toEqual([
    "0%",
    "100%",
    "99.9%",
    "99.96%",
    "0.04%",
    "5.7%",
    "21%",
    "99.5%",
  ]);
});

test("a peak is of a whole second, however fine the load was counted", () => {
  expect(findPeakSecond([0, 8, 4, 4, 4, 0, 0], 250)).toBe(5);
  expect(findPeakSecond([7, 3], 1000)).toBe(7);
  expect(findPeakSecond([6, 2], 2000)).toBe(6);
});

test("the table that takes minutes says so before it begins", async () => {
  const child = spawn(process.execPath, ["packages/tools/src/cli/main.ts", "storm", "--preset", "budgets"]);
  const [text] = (await once(child.stderr, "data")) as [Buffer];
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number | null];
  expect(text.toString()).toMatch(/^20 cells, 20 runs of each: about 2 min/);
  expect(code).toBe(130);
});

test("a service that does not come back is a bad answer; a table that holds is a good one", async () => {
  const storm = ["storm", "--rate", "90", "--outage", "10s-30s:hold", "--duration", "1m", "--budget", "none"];
  const [bad, good] = await Promise.all([
    runCli(storm),
    runCli(["storm", "--rate", "50", "--outage", "10s-15s", "--duration", "1m"]),
  ]);
  expect(bad.stdout).toContain("metastable");
  expect([bad.code, good.code]).toEqual([1, 0]);
  expect(good.stdout).toContain("const fetch = retryingFetch({");
});

test("files are drawn: a picture, and a page that needs nothing else", async () => {
  const folder = temporaryFolder();
  const [svg, html] = [join(folder, "storm.svg"), join(folder, "storm.html")];
  await runCli([...small, "--svg", svg, "--html", html]);
  expect(readFileSync(svg, "utf8")).toMatch(/^<svg [^]*<title>[^]*<\/svg>\n$/);
  const page = readFileSync(html, "utf8");
  expect(page).toMatch(/^<!doctype html>[^]*lang="en"[^]*<\/html>\n$/);
  expect(page).not.toMatch(/<script|<link|src=|url\(|@import|href="?https?:/);
});

test("a name is shown as it is, not as markup", () => {
  const result = simulateStorm({ arrivals: { kind: "at-once", callers: 5 }, policy: { name: '<b>"&' } });
  for (const drawn of [drawStorms([result]), formatHtml([result])]) {
    expect(drawn).not.toContain("<b>");
    expect(drawn).toContain("&lt;b>");
  }
});

test.each([
  [["--callers", "0"], "from 1 to 1000000"],
  [["--rate", "5", "--callers", "5"], "cannot be used with"],
  [["--outage", "sometimes"], "60s-70s"],
  [["--timeout", "soon"], "250ms"],
  [["--compare", "prayer"], "no-jitter"],
  [["--preset", "hail"], "thundering-herd"],
  [["--base", "10s", "--cap", "1s"], "capMs must be"],
  [["--duration", "1ms"], "durationMs must be"],
  [["--svg", "/nowhere/storm.svg", "--duration", "2s"], "can't be written"],
])("%j is wrong usage", async ([...flags], problem) => {
  const { code, stdout, stderr } = await runCli(["storm", ...flags]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(problem);
});

test("a sparkline shows the most of each column, and hides nothing", () => {
  expect(drawSparkline([0, 1, 80, 40, 0, 0, 8, 0], 80, 4)).toBe("▁█ ▁");
  expect(drawSparkline([5], 5, 3)).toBe("███");
});

test("a scale ends on a round number that is not too small", () => {
  for (const most of [0, 0.3, 1, 7, 99, 100, 101, 147_202]) {
    const { at, max, ticks } = scaleTo(most, [0, 100]);
    expect(max).toBeGreaterThanOrEqual(most);
    expect(at(max)).toBeCloseTo(100, 9);
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(7);
  }
});

test("closing the output early is no error", async () => {
  const child = spawn(process.execPath, [
    "packages/tools/src/cli/main.ts",
    "storm",
    "--preset",
    "retry-storm",
    "--json",
  ]);
  child.stdout.once("data", () => child.stdout.destroy());
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});
