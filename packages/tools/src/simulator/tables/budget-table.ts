import { checkNumber } from "once-again/internal";
import type { BudgetSettings } from "../policy/policy-options.ts";
import { simulateStorm } from "../storm.ts";
import type { StormOptions } from "../storm-options.ts";
import { judgeCell, type TableCell, type TableCheck, type TableOptions } from "./table-check.ts";

const rates = [140, 200, 250, 280] as const;

/** Seconds to recover, by the rate; `null`: never. */
interface Row {
  readonly name: string;
  readonly attemptsMax: number;
  readonly budget: BudgetSettings;
  readonly seconds: readonly (number | null)[];
}

const rows: readonly Row[] = [
  { name: "no retry", attemptsMax: 1, budget: { kind: "none" }, seconds: [8, 18, 43, 112] },
  { name: "unlimited", attemptsMax: 2, budget: { kind: "none" }, seconds: [116, null, null, null] },
  {
    name: "request-funded 10%",
    attemptsMax: 2,
    budget: { kind: "finagle", ratio: 0.1, reservePerSecond: 0 },
    seconds: [10, 26, 98, null],
  },
  { name: "Finagle default", attemptsMax: 2, budget: { kind: "finagle" }, seconds: [16, 54, null, null] },
  {
    name: "success-funded 0.1",
    attemptsMax: 2,
    budget: { kind: "success", tokensPerSuccess: 0.1, capacity: 10 },
    seconds: [8, 18, 44, 112],
  },
];

/** The storm of the table: one server of 300/s stands still from 60 s to 70 s, and one retry is sent at once. */
export function budgetStorm({ attemptsMax, budget, name }: Omit<Row, "seconds">, perSecond: number): StormOptions {
  return {
    durationMs: 600_000,
    arrivals: { kind: "poisson", perSecond },
    network: { delayMs: 0 },
    services: [{ serviceMs: 1000 / 300 }],
    outages: [{ fromMs: 60_000, toMs: 70_000, kind: "hold" }],
    policy: { name, attemptsMax, attemptTimeoutMs: 1000, backoff: { kind: "constant", delayMs: 0 }, budget },
  };
}

/** Simulates one trial after the other, yielding in between, and then returns the table. */
export function* budgetSteps(options: TableOptions = {}): Generator<{ readonly share: number }, TableCheck, void> {
  const trials = checkNumber("trials", options.trials ?? 20, { min: 1, max: 10_000, integer: true });
  const seed = checkNumber("seed", options.seed ?? 1, { min: 0, integer: true });
  const columns = rates
    .map((rate, index) => ({ rate, index }))
    .filter(({ rate }) => options.only?.includes(rate) ?? true);
  const cells: TableCell[] = [];
  for (const [done, row] of rows.entries()) {
    for (const [position, { rate, index }] of columns.entries()) {
      const seconds: (number | null)[] = [];
      for (let trial = 0; trial < trials; trial += 1) {
        const { recovery } = simulateStorm({ ...budgetStorm(row, rate), seed: seed * 10_000 + trial });
        seconds.push(recovery.afterMs === null ? null : recovery.afterMs / 1000);
        yield { share: (done + (position + (trial + 1) / trials) / columns.length) / rows.length };
      }
      const place = { row: row.name, column: `${rate}/s`, unit: "seconds", expected: row.seconds[index]! };
      cells.push(judgeCell(place, seconds, true));
    }
  }
  return { table: "budgets", seed, trials, cells, holds: cells.every(({ verdict }) => verdict !== "outside") };
}
