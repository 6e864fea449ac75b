import { checkNumber } from "once-again/internal";
import {
  type Backoff,
  constantBackoff,
  decorrelatedBackoff,
  equalJitter,
  exponentialBackoff,
  fullJitter,
  noJitter,
} from "once-again";
import { simulateContention, type ContentionResult } from "./contention.ts";
import { judgeCell, type TableCell, type TableCheck, type TableOptions } from "./table-check.ts";

const range = { baseMs: 10, capMs: 2000 };

/** The published decorrelated backoff clamps what is drawn; ours clamps the range, so here the clamp comes after it. */
const widest = decorrelatedBackoff({ baseMs: 5, capMs: 2 ** 31 - 1 });
const clampedDraw: Backoff = (context) => Math.min(range.capMs, widest(context));

const backoffs = {
  none: constantBackoff({ delayMs: 0 }),
  exponential: exponentialBackoff({ ...range, jitter: noJitter() }),
  decorrelated: clampedDraw,
  equal: exponentialBackoff({ ...range, jitter: equalJitter() }),
  full: exponentialBackoff({ ...range, jitter: fullJitter() }),
} as const;

type BackoffName = keyof typeof backoffs;

/** Writes and milliseconds, by the number of clients. */
const table: Readonly<Record<number, Readonly<Record<BackoffName, readonly [writes: number, ms: number]>>>> = {
  10: { none: [50, 382], exponential: [51, 3590], decorrelated: [37, 434], equal: [42, 732], full: [38, 465] },
  50: {
    none: [687, 1132],
    exponential: [624, 36_237],
    decorrelated: [376, 2164],
    equal: [347, 4303],
    full: [332, 2922],
  },
  100: {
    none: [2421, 2027],
    exponential: [1853, 62_862],
    decorrelated: [1002, 4530],
    equal: [812, 6658],
    full: [797, 4879],
  },
  190: {
    none: [7997, 3538],
    exponential: [5186, 101_357],
    decorrelated: [2441, 7887],
    equal: [1759, 9487],
    full: [1771, 7427],
  },
};

/** Simulates one trial after the other, and then returns the table; it yields after each number of clients. */
export function* contentionSteps(options: TableOptions = {}): Generator<{ readonly share: number }, TableCheck, void> {
  const trials = checkNumber("trials", options.trials ?? 100, { min: 1, max: 10_000, integer: true });
  const seed = checkNumber("seed", options.seed ?? 1, { min: 0, integer: true });
  const rows = Object.keys(table)
    .map(Number)
    .filter((clients) => options.only?.includes(clients) ?? true);
  const names = Object.keys(backoffs) as BackoffName[];
  const cells: TableCell[] = [];
  for (const [index, clients] of rows.entries()) {
    for (const [column, name] of names.entries()) {
      const results: ContentionResult[] = [];
      for (let trial = 0; trial < trials; trial += 1) {
        results.push(simulateContention({ clients, backoff: backoffs[name], seed: `${seed}/${trial}` }));
        yield { share: (index + (column + (trial + 1) / trials) / names.length) / rows.length };
      }
      const place = { row: `${clients} clients`, column: name };
      const [writes, ms] = table[clients]![name];
      const writesOf = results.map((result) => result.writes);
      const msOf = results.map((result) => result.completionMs);
      cells.push(judgeCell({ ...place, unit: "writes", expected: writes }, writesOf, false));
      cells.push(judgeCell({ ...place, unit: "milliseconds", expected: ms }, msOf, false));
    }
  }
  return { table: "contention", seed, trials, cells, holds: cells.every(({ verdict }) => verdict !== "outside") };
}
