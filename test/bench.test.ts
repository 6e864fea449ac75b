import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { chosenBudget, chosenWait, judgedWaits } from "../bench/defaults/choose.ts";
import { budgetFigures, waitFigures } from "../bench/defaults/measure.ts";
import { returnRows } from "../bench/defaults/retry-after.ts";
import type { RowComparison } from "../bench/compare/run.ts";
import { compareRounds } from "../bench/compare/verdict.ts";
import type { DefaultsResults } from "../bench/defaults/report.ts";
import { rows, straight } from "../bench/gateway/catalog.ts";
import type { GatewayResults } from "../bench/gateway/report.ts";
import { judgeClients } from "../bench/client/goals.ts";
import { goalLines, judgeGoal } from "../bench/goals.ts";
import { medianInterval } from "../bench/interval.ts";
import { judgeGateway } from "../bench/gateway/goals.ts";
import { judgeMessages } from "../bench/messages/goals.ts";
import { judgeStartup } from "../bench/startup/goals.ts";
import { isInGoals } from "../bench/server/goals.ts";
import { frameworks, rowsOf, setupNameOf, storeNames } from "../bench/server/catalog.ts";
import { isEven } from "../bench/server/group.ts";
import type { MemoryMeasured } from "../bench/server/memory.ts";
import type { ServerResults } from "../bench/server/report.ts";
import type { ServerMeasured } from "../bench/server/run.ts";
import { simulateStorm } from "../packages/tools/src/simulator/index.ts";
import { describeWithServer } from "./support/servers/describe-with-server.ts";
import { nginxBinary } from "./support/servers/nginx.ts";

const run = (name: string, ...args: string[]) => {
  const main = fileURLToPath(new URL(`../bench/${name}/main.ts`, import.meta.url));
  return promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 2 ** 24 });
};
const bench = (...args: string[]) => run("server", ...args);

// Fastify only: a quick run says that every row can still be measured, and nothing of its speed.
describe("the server benchmark", () => {
  test.for(storeNames)("measures every row on %s", async (store) => {
    const quick = ["--framework", "fastify", "--rounds", "1", "--milliseconds", "50", "--connections", "5"];
    const { stdout } = await bench("--store", store, ...quick, "--json");
    const { measured } = JSON.parse(stdout) as ServerResults;
    expect(measured.map(({ name }) => name)).toEqual(rowsOf(store, "fastify").map(({ name }) => name));
    const hasServer = !["memory", "sqlite"].includes(store);
    for (const { name, medians, ratios } of measured) {
      const figures = [...Object.entries(medians), ...Object.entries(ratios)];
      for (const [figureName, figure] of figures) if (!figureName.includes("Store")) expect(figure).toBeGreaterThan(0);
      if (hasServer && setupNameOf(name) !== "none") expect(medians.firstStoreMicroseconds).toBeGreaterThan(0);
      if (!hasServer) expect(medians.firstStoreMicroseconds).toBeNull();
    }
  });

  test("looks at what is left in memory after very many requests", async () => {
    const few = ["--memory", "--requests", "1000", "--connections", "5", "--framework", "fastify", "--store", "sqlite"];
    const { stdout } = await bench(...few, "--only", "transactional", "--json").catch(
      // So few requests compile while they are counted: the heap may well grow.
      (error: { stdout: string }) => error,
    );
    const { measured } = JSON.parse(stdout) as { measured: MemoryMeasured[] };
    expect(measured.map(({ name }) => name)).toEqual(["once-again, transactional"]);
    for (const { heapBytes } of measured)
      expect(heapBytes.map((bytes) => bytes > 2 ** 20)).toEqual(Array(5).fill(true));
  });

  // Rounds of a baseline, the same again, ours and a peer, by their processor time for a new key.
  const groupOf = (again: number[], ours: number[], peer: number[]) => {
    const named = (name: string, figures: number[]) =>
      ({
        ...{ framework: "fastify", store: "memory", name, baseline: "none" },
        rounds: figures.map((figure) => ({ firstCpuMicroseconds: figure })),
      }) as unknown as ServerMeasured;
    const rows = [
      named("none", [20, 20, 20]),
      named("none, again", again),
      named("once-again", ours),
      named("node-idempotency", peer),
    ];
    return { group: { title: "fastify + memory", rows }, peer: rows[3]! };
  };

  test.for([
    ["is out of the noise", [20, 21, 20], [40, 40, 40], [44, 44, 45], false],
    ["is within the noise", [20, 26, 20], [40, 40, 40], [44, 44, 45], true],
    ["is on both sides in turn", [20, 21, 20], [40, 50, 40], [44, 44, 45], true],
  ] as const)("says whether a peer that %s differs from ours", ([, again, ours, peer, expected]) => {
    const { group, peer: row } = groupOf([...again], [...ours], [...peer]);
    expect(isEven(group, row, "firstCpuMicroseconds")).toBe(expected);
  });

  test("calls an unknown store wrong usage", async () => {
    await expect(bench("--store", "paper")).rejects.toMatchObject({ code: 2 });
  });
});

describeWithServer("the gateway's benchmark", nginxBinary, () => {
  test("measures every row, and asks the service for none of the repeats", async () => {
    const { stdout } = await run("gateway", "--rounds", "1", "--milliseconds", "50", "--connections", "5", "--json");
    const { measured } = JSON.parse(stdout) as GatewayResults;
    expect(measured.map(({ name }) => name)).toEqual(rows.map(({ name }) => name));
    for (const { name, medians, ratios } of measured) {
      expect(medians.perSecond).toBeGreaterThan(0);
      expect(medians.p50Ms).toBeGreaterThan(0);
      expect(ratios.perSecond).toBeGreaterThan(0);
      if (name !== straight) expect(medians.cpuMicroseconds).toBeGreaterThan(0);
    }
  });
});

test("the gateway's benchmark says what installs a server that is missing", async () => {
  const main = fileURLToPath(new URL("../bench/gateway/main.ts", import.meta.url));
  const withoutPath = promisify(execFile)(process.execPath, [main], { env: { ...process.env, PATH: "" } });
  await expect(withoutPath).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining("apt-get install -y") });
});

describe("what compares two revisions", () => {
  const compare = (...args: string[]) => run("compare", "--rounds", "1", "--milliseconds", "50", ...args);

  test("measures both trees, and the same tree twice", async () => {
    const { stdout } = await compare("--base", "HEAD", "--only", "fastify/memory", "--json").catch(
      // One round of 50 ms may well call a figure worse.
      (error: { stdout: string }) => error,
    );
    const { compared } = JSON.parse(stdout) as { compared: RowComparison[] };
    expect(compared.map(({ row }) => row)).toEqual(["fastify/memory/once-again"]);
    expect(Object.keys(compared[0]?.figures ?? {})).toEqual([
      "firstPerSecond",
      "firstCpuMicroseconds",
      "replayPerSecond",
      "replayCpuMicroseconds",
    ]);
    for (const { base, ratio, noise, working } of Object.values(compared[0]?.figures ?? {})) {
      for (const figure of [base, ratio, working, ...noise]) expect(figure).toBeGreaterThan(0);
    }
  });

  test.for([
    ["a revision that does not exist", "--base", "no-such-revision", "--all"],
    ["a revision that reads as an option", "--base=--all", "--all"],
    ["a row that does not exist", "--only", "paper"],
    ["no row at all"],
  ])("calls %s wrong usage", async ([, ...args]) => {
    await expect(compare(...args)).rejects.toMatchObject({ code: 2 });
  });

  const base = [100, 101, 99, 100, 100, 101];
  const again = [101, 100, 100, 99, 101, 100];
  const times = (factor: number) => base.map((figure, round) => factor * (figure + (round % 2)));

  test.for([
    ["worse", 1.2, false],
    ["better", 0.8, false],
    ["better", 1.2, true],
    ["worse", 0.8, true],
    ["can't tell", 1, true],
    ["can't tell", 1.005, false],
  ] as const)("says %s of %d times the figure, where more is better: %s", ([verdict, factor, moreIsBetter]) => {
    expect(compareRounds({ base, again, working: times(factor) }, moreIsBetter)).toMatchObject({ verdict });
  });

  test("can't tell what the same tree does as well", () => {
    const slower = base.map((figure) => figure * 1.3);
    expect(compareRounds({ base, again: slower, working: slower }, false)?.verdict).toBe("can't tell");
  });

  test("says nothing of what is not measured", () => {
    const none = base.map(() => Number.NaN);
    expect(compareRounds({ base: none, again: none, working: none }, true)).toBeUndefined();
  });

  test("leaves as many of the rounds out as a confidence of 95% allows", () => {
    const outside = [3, 8, 9, 12, 20].map((count) => {
      const [low] = medianInterval(Array.from({ length: count }, (_, index) => count - index));
      return low - 1;
    });
    // The sign test's critical values, one tail of 2.5%.
    expect(outside).toEqual([0, 0, 1, 2, 5]);
  });
});

describe("the figures that the defaults are chosen by", () => {
  const file = new URL("../bench/results/defaults.json", import.meta.url);
  const { budgets, jitters, returns, seeds, timeOutMs } = JSON.parse(readFileSync(file, "utf8")) as DefaultsResults;

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
    expect(returns).toEqual(returnRows(seeds));
  });

  test("show that a herd with our Retry-After is smaller in every way, and that a service can serve it when it is back", () => {
    for (const callers of ["to the letter", "retryingFetch"]) {
      const [constant, ours] = returns.filter((row) => row.callers === callers).map(({ figures }) => figures);
      for (const name of ["in100Ms", "inSecond", "whileAway", "peak"] as const) {
        expect(ours![name], name).toBeLessThan(0.7 * constant![name]);
      }
      expect(ours!.peak).toBeLessThan(1000);
    }
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

describe("a goal of a benchmark", () => {
  const named = (name: string, figures: readonly number[]) => ({ name, rounds: figures.map((us) => ({ us })) });
  const goal = { row: "ours", beside: "peer", figure: "us", label: "first", timesMax: 1 } as const;
  const judged = (ours: readonly number[], again: readonly number[] = [10, 10, 10]) =>
    judgeGoal(
      {
        title: "express + memory",
        rows: [named("ours", ours), named("peer", [10, 10, 10]), named("none", [10, 10, 10]), named("again", again)],
        again: ["again", "none"],
      },
      goal,
    );

  test("holds when all of its interval is below it, and is missed when all of it is above", () => {
    expect(judged([8, 9, 9])).toMatchObject({ verdict: "holds", times: 0.9, from: [0.8, 0.9] });
    expect(judged([12, 13, 14])).toMatchObject({ verdict: "missed", times: 1.3 });
  });

  test("is not decided by a run in which the interval meets it, or two processes of one server differ by as much", () => {
    expect(judged([8, 9, 14])?.verdict).toBe("can't tell");
    expect(judged([12, 13, 14], [8, 10, 13])?.verdict).toBe("can't tell");
  });

  test("is not judged when one of its rows was not measured", () => {
    expect(judgeGoal({ title: "express + memory", rows: [named("ours", [8])] }, goal)).toBeUndefined();
    expect(judgeClients({ loops: [], callers: [] })).toEqual([]);
    expect(judgeGateway([])).toEqual([]);
    expect(judgeMessages({})).toEqual([]);
    expect(judgeStartup([])).toEqual([]);
  });

  test("is a line with its limit, its measured row and what became of it", () => {
    expect(goalLines([judged([8, 9, 9])!]).split("\n")[1]).toMatch(
      /express \+ memory +ours, first, of peer +1\.00 +0\.90 +0\.80-0\.90 +holds/,
    );
  });

  test("of an entry with a package of its users is that package, and a share of Express beyond a bare Node", () => {
    const row = (name: string, importMs: number, memoryMegabytes: number) => {
      const figures = { importMs, processMs: 1, memoryMegabytes };
      return { name, rounds: [figures, figures, figures] };
    };
    const others = [row("node", 0, 40), row("express", 100, 60), row("@nestjs/common", 80, 50)];
    const verdicts = (importMs: number, memoryMegabytes: number) =>
      judgeStartup([...others, row("once-again/nest", importMs, memoryMegabytes)]).map(({ verdict }) => verdict);
    // 80 and .47 of 100 ms; 50, and .86 of 60, less 40 MB.
    expect(verdicts(126.9, 61.5)).toEqual(["holds", "holds"]);
    expect(verdicts(127.1, 61.7)).toEqual(["missed", "missed"]);
    expect(judgeStartup(others)).toEqual([]);
  });

  test("names rows that the catalog has", () => {
    const named = frameworks.flatMap((framework) =>
      storeNames.flatMap((store) => rowsOf(store, framework).filter((row) => isInGoals({ framework, store }, row))),
    );
    // Each framework in memory, and two of them on five stores more: ours and those beside it.
    expect(named.length).toBe(7 * 2 + 2 * (2 + 2 + 4 + 4 + 4));
  });
});
