import { medianInterval, noiseOf, overlap } from "../interval.ts";
import { roundRatios } from "../measure.ts";
import { isAgain, rowsOf } from "./catalog.ts";
import type { ServerMeasured } from "./run.ts";
import type { FigureName } from "./subject.ts";

/** The rows that were measured together. */
export interface Group {
  /** Such as `fastify + redis`. */
  readonly title: string;
  readonly rows: readonly ServerMeasured[];
}

export function groupsOf(measured: readonly ServerMeasured[]): Group[] {
  const byTitle = Map.groupBy(measured, ({ framework, store }) => `${framework} + ${store}`);
  return [...byTitle].map(([title, rows]) => ({ title, rows }));
}

/** Our row that does the same work as this one of a peer, if it was measured too. */
export function besideOf({ rows }: Group, { framework, store, name }: ServerMeasured): ServerMeasured | undefined {
  const beside = rowsOf(store, framework).find((row) => row.name === name)?.beside;
  return rows.find((row) => row.name === beside);
}

/**
 * Whether a run can't tell a peer's figure from ours: their ratios meet those of the same server to itself. Only said where
 * the run has such a pair.
 */
export function isEven(group: Group, row: ServerMeasured, figure: FigureName): boolean {
  const ours = besideOf(group, row);
  const again = group.rows.find(({ name }) => isAgain(name));
  const first = group.rows.find(({ name }) => name === again?.baseline);
  if (ours === undefined || again === undefined || first === undefined) return false;
  const noise = noiseOf(roundRatios(again.rounds, first.rounds, figure));
  return overlap(medianInterval(roundRatios(row.rounds, ours.rounds, figure)), noise);
}
