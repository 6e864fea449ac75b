import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { chosenBudget, chosenWait, judgedWaits } from "../bench/defaults/choose.ts";
import { budgetFigures, waitFigures } from "../bench/defaults/measure.ts";
import type { DefaultsResults } from "../bench/defaults/report.ts";
import { rowsOf, storeNames } from "../bench/server/catalog.ts";
import type { ServerResults } from "../bench/server/report.ts";
import { simulateStorm } from "../packages/tools/src/simulator/index.ts";

const main = fileURLToPath(new URL("../bench/server/main.ts", import.meta.url));
const bench = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 2 ** 24 });

// Fastify only: a quick run says that every row can still be measured, and nothing of its speed.
describe("the server benchmark", () => {
  test.for(storeNames)("measures every row on %s", { timeout: 180_000 }, async (store) => {
    const quick = ["--framework", "fastify", "--rounds", "1", "--milliseconds", "50", "--connections", "5"];
    const { stdout } = await bench("--store", store, ...quick, "--json");
    const { measured } = JSON.parse(stdout) as ServerResults;
    expect(measured.map(({ name }) => name)).toEqual(rowsOf(store, "fastify").map(({ name }) => name));
    for (const { medians, ratios } of measured) {
      for (const figure of [...Object.values(medians), ...Object.values(ratios)]) expect(figure).toBeGreaterThan(0);
    }
  });

  test("calls an unknown store wrong usage", async () => {
    await expect(bench("--store", "paper")).rejects.toMatchObject({ code: 2 });
  });
});

describe("the figures that the defaults are chosen by", () => {
  const file = new URL("../bench/results/defaults.json", import.meta.url);
  const { budgets, jitters, seeds, timeOutMs } = JSON.parse(readFileSync(file, "utf8")) as DefaultsResults;

  test("speak for the defaults of the library", () => {
    const { backoff, budget } = simulateStorm({ durationMs: 1000 }).settings.policy;
    expect([backoff, budget]).toMatchObject([
      { jitter: chosenWait(judgedWaits(jitters)) },
      { kind: chosenBudget(budgets) },
    ]);
  });

  test("are those that the simulator has today", () => {
    const measured = waitFigures({ attemptTimeoutMs: timeOutMs, backoff: { kind: "exponential" } }, seeds);
    expect(jitters.find(({ name }) => name === "equal")?.figures).toEqual(measured);
    const withoutRetries = budgetFigures({ attemptTimeoutMs: timeOutMs, attemptsMax: 1 }, seeds);
    expect(budgets.find(({ isBaseline }) => isBaseline)?.figures).toEqual(withoutRetries);
  });

  test("choose no candidate that is the worst in anything, and none that is there to compare", () => {
    const figures = (peak: number, givenUp: number) => ({
      peak,
      load: 1,
      lastSeconds: peak,
      givenUp,
      failureSeconds: 1,
    });
    const judged = judgedWaits([
      { name: "early", figures: { ...figures(1, 9), load: 3 } },
      { name: "middle", figures: figures(2, 2) },
      { name: "late", figures: { ...figures(9, 1), failureSeconds: 3 } },
      { name: "ideal", figures: figures(1, 1), isBaseline: true },
    ]);
    expect(judged.map(({ worstIn }) => worstIn)).toEqual([
      ["load", "givenUp"],
      [],
      ["peak", "lastSeconds", "failureSeconds"],
      [],
    ]);
    expect(chosenWait(judged)).toBe("middle");
  });
});
