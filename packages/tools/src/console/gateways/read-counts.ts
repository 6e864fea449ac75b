import type { RouteCounts } from "./gateways-protocol.ts";

/** A line of the metrics: its name, its labels, its value. */
const sampleLine = /^once_again_gateway_(?<name>\w+)\{(?<labels>.*)\} (?<value>\S+)$/gm;
const label = /(?<!\w)(?<name>\w+)="(?<value>(?:[^"\\]|\\.)*)"/g;

/** Reads what a gateway has counted from its metrics, in Prometheus' text format. */
export function readCounts(metrics: string): Record<string, RouteCounts> {
  const counts: Record<string, { requests: number; failures: number; events: Record<string, number> }> = {};
  for (const { groups } of metrics.matchAll(sampleLine)) {
    const { name, labels = "", value } = groups!;
    const { route = "", event = "" } = readLabels(labels);
    const of = (): (typeof counts)[string] => (counts[route] ??= { requests: 0, failures: 0, events: {} });
    if (name === "requests_total") of().requests += Number(value);
    if (name === "upstream_failures_total") of().failures += Number(value);
    if (name === "operations_total") of().events[event] = Number(value);
  }
  return counts;
}

function readLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(label)].map(({ groups }) => [groups!["name"]!, unescape(groups!["value"]!)]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

const unescape = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
