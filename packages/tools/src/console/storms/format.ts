import type { StormResult } from "../../simulator/index.ts";

/** How a storm ended, in words. */
export function formatVerdict({ recovery: { afterMs, verdict } }: StormResult): string {
  const after = afterMs === null ? "" : formatSeconds(afterMs);
  switch (verdict) {
    case "recovered":
      return afterMs === 0 ? "not disturbed" : `recovered after ${after}`;
    case "drained":
      return `all ended, the last success after ${after}`;
    case "draining":
      return "not recovered yet: the queue is getting shorter";
    case "metastable":
      return "metastable: never recovered";
    case "overloaded":
      return "overloaded";
    case "open":
      return "calls still open at the end";
  }
}

/** The measures by which storms are compared: a heading, and its value. */
export const measures: ReadonlyArray<readonly [heading: string, value: (result: StormResult) => string]> = [
  ["succeeded", ({ calls }) => formatPercent(calls.begun === 0 ? 0 : calls.succeeded / calls.begun)],
  ["amplification", ({ amplification }) => amplification.toFixed(2)],
  ["goodput", ({ goodputPerSecond }) => formatRate(goodputPerSecond)],
  ["wasted work", ({ wastedRatio }) => formatPercent(wastedRatio)],
  ["peak on return", formatPeakOnReturn],
  ["longest queue", ({ load }) => formatNumber(findPeak(load.queue))],
  ["p50", ({ latency }) => (latency.p50Ms === null ? "-" : formatSeconds(latency.p50Ms))],
  ["p99", ({ latency }) => (latency.p99Ms === null ? "-" : formatSeconds(latency.p99Ms))],
];

/** The most requests per second from the end of the last outage on: before that none is served. */
function formatPeakOnReturn({ load, settings }: StormResult): string {
  const endMs = Math.max(0, ...settings.outages.map(({ toMs }) => toMs));
  const after = load.attemptsPerSecond.slice(Math.ceil(endMs / load.stepMs));
  return after.length === 0 ? "-" : formatRate(findPeakSecond(after, load.stepMs));
}

export const findPeak = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);

/** The most in any second, where the load was counted in steps that may be shorter. */
export function findPeakSecond(perSecond: readonly number[], stepMs: number): number {
  const steps = Math.max(1, Math.round(1000 / stepMs));
  const seconds = perSecond.map((_, from) => perSecond.slice(from, from + steps).reduce((sum, rate) => sum + rate, 0));
  return findPeak(seconds) / steps;
}

export const formatNumber = (value: number): string => Math.round(value).toLocaleString("en-US");

const formatRate = (value: number): string => `${formatNumber(value)}/s`;

/** A share in per cent, with as many digits as tell it from nothing and from all. */
export function formatPercent(share: number): string {
  for (let digits = share > 0 && share < 0.1 ? 1 : 0; digits < 5; digits += 1) {
    const text = (100 * share).toFixed(digits);
    if ((Number(text) === 0) === (share === 0) && (Number(text) === 100) === (share === 1)) return `${text}%`;
  }
  return share < 0.5 ? "<0.0001%" : ">99.9999%";
}

export const formatSeconds = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 1 : 0)} s`;
