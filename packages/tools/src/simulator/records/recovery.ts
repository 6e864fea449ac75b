import type { Load, Recovery } from "./storm-result.ts";
import type { StormSettings } from "../storm-settings.ts";

/** A second is good when at least this share of the first attempts that it saw has its success. */
const goodShare = 0.9;
/** So many good seconds in a row are a recovery. */
const inARow = 5;

/** The state of the calls when a storm is over. */
export interface StormEnd {
  readonly endMs: number;
  readonly openCalls: number;
  /** When the last call succeeded; 0 when none did. */
  readonly lastSuccessMs: number;
}

/**
 * Judges how a storm ended.
 *
 * @param load the load, counted in steps of a second.
 */
export function judgeRecovery({ arrivals, durationMs, outages }: StormSettings, load: Load, end: StormEnd): Recovery {
  const overMs = Math.max(0, ...outages.map(({ toMs }) => Math.min(toMs, durationMs)));
  if (arrivals.kind === "at-once") {
    if (end.openCalls > 0) return { verdict: "open", afterMs: null };
    return { verdict: "drained", afterMs: Math.max(0, end.lastSuccessMs - overMs) };
  }
  const firstMs = Math.min(durationMs, ...outages.map(({ fromMs }) => fromMs));
  const before = Math.floor(firstMs / 1000);
  const usual =
    arrivals.kind === "closed" && outages.length > 0 ? meanBefore(load.goodputPerSecond, before) : undefined;
  const isGood = (second: number): boolean =>
    load.goodputPerSecond[second]! >= goodShare * (usual ?? load.offeredPerSecond[second]!);

  const overSecond = Math.ceil(overMs / 1000);
  const recovered = findFirstRun(isGood, overSecond, Math.floor(end.endMs / 1000));
  if (recovered !== undefined) return { verdict: "recovered", afterMs: recovered * 1000 - overMs };
  const wasGood =
    outages.length > 0 &&
    before > 0 &&
    meanBefore(load.goodputPerSecond, before) >= goodShare * meanBefore(load.offeredPerSecond, before);
  if (wasGood && isDraining(load, overSecond, Math.floor(end.endMs / 1000)))
    return { verdict: "draining", afterMs: null };
  return { verdict: wasGood ? "metastable" : "overloaded", afterMs: null };
}

/** Whether the queue was getting shorter, over the second half of the time after the outage. */
function isDraining({ queue }: Load, from: number, to: number): boolean {
  const half = Math.floor((from + to) / 2);
  return to - half >= inARow && meanBefore(queue, to) < goodShare * meanBefore(queue, half);
}

/** The first second of the first run of good seconds within [from, to). */
function findFirstRun(isGood: (second: number) => boolean, from: number, to: number): number | undefined {
  let length = 0;
  for (let second = from; second < to; second += 1) {
    length = isGood(second) ? length + 1 : 0;
    if (length === inARow) return second - inARow + 1;
  }
  return undefined;
}

/** The mean of up to ten seconds before `end`. */
function meanBefore(perSecond: readonly number[], end: number): number {
  const values = perSecond.slice(Math.max(0, end - 10), end);
  return values.reduce((total, value) => total + value, 0) / Math.max(1, values.length);
}
