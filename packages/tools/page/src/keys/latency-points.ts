import type { StoreSample } from "../../../src/console/keys/keys-protocol.ts";

/** Two samples that are further apart were taken while no page was open, milliseconds. */
const gapMs = 30_000;

/** The points of the chart: seconds since the epoch, and milliseconds. Where no page was open, nothing is drawn. */
export function latencyPoints(all: readonly StoreSample[]): [seconds: number[], latencyMs: (number | null)[]] {
  const points = all.flatMap((sample, index): [at: number, latencyMs: number | null][] => {
    const before = all[index - 1];
    const point: [number, number | null] = [sample.at / 1000, "problem" in sample ? null : sample.latencyMs];
    const isGap = before !== undefined && sample.at - before.at > gapMs;
    return isGap ? [[(before.at + 1) / 1000, null], point] : [point];
  });
  return [points.map(([at]) => at), points.map(([, latencyMs]) => latencyMs)];
}
