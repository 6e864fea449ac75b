/** One number of a published table beside ours. */
export interface TableCell {
  /** The heads of its row and of its column. */
  readonly row: string;
  readonly column: string;
  /** The unit: `writes`, `milliseconds` or `seconds`. */
  readonly unit: string;
  /** The table's number; `null` is its "never". */
  readonly expected: number | null;
  /** The mean of our trials; `null` when it is "never". */
  readonly measured: number | null;
  /** The least and the most of our trials; `null` without any. */
  readonly least: number | null;
  readonly most: number | null;
  /** Trials that did not come to a number. */
  readonly never: number;
  /** `measured / expected`; `null` where one of them is. */
  readonly ratio: number | null;
  /**
   * `within`: the ratio is within 10% of 1, or both say "never". `one-run`: it is not, but the table does not call its
   * number a mean, and it lies among those of our single runs. `outside`: neither.
   */
  readonly verdict: "within" | "one-run" | "outside";
}

/** A published table, simulated. */
export interface TableCheck {
  readonly table: "contention" | "budgets";
  readonly seed: number;
  readonly trials: number;
  readonly cells: readonly TableCell[];
  /** Whether no cell is `outside`. */
  readonly holds: boolean;
}

/** How a table is simulated. */
export interface TableOptions {
  /** How often each cell is simulated, with another seed each time: a whole number from 1 to 10,000. */
  readonly trials?: number;
  /** A whole number of at least 0, default 1. */
  readonly seed?: number;
  /** Only the columns, or rows, of these numbers of clients or rates; default all. */
  readonly only?: readonly number[];
}

/** How far a mean may be from the table's number, as a share of it. */
const tolerance = 0.1;
/** A cell says "never" when at least this share of its trials does. */
const neverShare = 0.95;

/**
 * Compares trials with a table's number. `isOneRun`: the table does not call it a mean, so it may be that of a single run.
 */
export function judgeCell(
  place: Pick<TableCell, "row" | "column" | "unit" | "expected">,
  trials: readonly (number | null)[],
  isOneRun: boolean,
): TableCell {
  const numbers = trials.filter((value) => value !== null);
  const never = trials.length - numbers.length;
  const isNever = never >= neverShare * trials.length;
  const mean = numbers.reduce((total, value) => total + value, 0) / numbers.length;
  const measured = isNever ? null : mean;
  const [least, most] = numbers.length === 0 ? [null, null] : [Math.min(...numbers), Math.max(...numbers)];
  const { expected } = place;
  const ratio = measured === null || expected === null ? null : measured / expected;
  const cell = { ...place, measured, least, most, never, ratio };
  if (expected === null) return { ...cell, verdict: isNever ? "within" : "outside" };
  // The mean of the trials that came to a number would leave out the worst.
  const isKnown = never <= (1 - neverShare) * trials.length;
  if (!isKnown) return { ...cell, verdict: "outside" };
  if (Math.abs(mean - expected) <= tolerance * expected) return { ...cell, verdict: "within" };
  const comesToIt = isOneRun && expected >= least! && expected <= most!;
  return { ...cell, verdict: comesToIt ? "one-run" : "outside" };
}
