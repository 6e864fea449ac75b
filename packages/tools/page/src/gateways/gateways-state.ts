import { computed, signal } from "@preact/signals";
import type { GatewaysEvent, GatewaysSample, RouteCounts } from "../../../src/console/gateways/gateways-protocol.ts";
import { listen } from "../session.ts";

/** A minute, as the console keeps it. */
const samplesMax = 31;

export const samples = signal<readonly GatewaysSample[]>([]);
export const streamProblem = signal<string | undefined>(undefined);
export const latest = computed(() => samples.value.at(-1));

/** How requests of a route end. */
export type Column = "first" | "replayed" | "inProgress" | "unknown" | "failed" | "refused" | "passed";

/** The counts, by column. */
export function columnsOf({ requests, events }: RouteCounts, isKeyed: boolean): Record<Column, number> {
  const of = (...names: string[]): number => names.reduce((sum, name) => sum + (events[name] ?? 0), 0);
  const ends = {
    first: of("executed", "released"),
    replayed: of("replayed"),
    inProgress: of("in-progress"),
    unknown: of("outcome-unknown", "abandoned"),
    failed: of("handler-failed", "store-failed"),
  };
  const ended = Object.values(ends).reduce((sum, count) => sum + count, 0);
  // A request without a key, or from an unknown caller, causes no event.
  const others = Math.max(0, requests - ended);
  return { ...ends, refused: isKeyed ? others : 0, passed: isKeyed ? 0 : others };
}

/** The same in the last minute; a gateway that began anew counts from nothing. */
export function columnsPerMinute(url: string, route: string, isKeyed: boolean): Record<Column, number> | undefined {
  const all = samples.value.flatMap(({ at, gateways }) => {
    const gateway = gateways.find((one) => one.url === url);
    return gateway === undefined || "problem" in gateway ? [] : [{ at, counts: gateway.counts[route] ?? none }];
  });
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined || last.at === first.at) return undefined;
  const [before, after] = [columnsOf(first.counts, isKeyed), columnsOf(last.counts, isKeyed)];
  const minutes = (last.at - first.at) / 60_000;
  const rate = (column: Column): number => Math.max(0, Math.round((after[column] - before[column]) / minutes));
  return Object.fromEntries((Object.keys(after) as Column[]).map((column) => [column, rate(column)])) as Record<
    Column,
    number
  >;
}

export const none: RouteCounts = { requests: 0, failures: 0, events: {} };

/** Follows the gateways until the returned function is called. */
export function follow(): () => void {
  return listen("gateways/watch", {
    onState: (problem) => void (streamProblem.value = problem),
    onEvent: (event, data) => {
      const heard = { event, data } as GatewaysEvent;
      samples.value = heard.event === "history" ? heard.data : [...samples.value, heard.data].slice(-samplesMax);
    },
  });
}
