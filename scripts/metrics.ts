/** Writes the table of all metrics into docs/guides/observing.md; with `--check`, fails if it differs. */
import { readFileSync } from "node:fs";
import { gatewayMetrics } from "../packages/gateway/src/gateway-metrics.ts";
import { metricDefinitions } from "../packages/once-again/src/opentelemetry/metrics.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { update } from "../test/support/update.ts";
import { markdownTable } from "./markdown-table.ts";

const page = "docs/guides/observing.md";
const [begin, end] = ["<!-- metrics -->", "<!-- /metrics -->"];

const code = (text: string): string => `\`${text}\``;
const list = (names: readonly string[]): string => names.map(code).join(", ");

const ofLibrary = Object.values(metricDefinitions).map(({ name, kind, unit, attributes, description }) => [
  code(name),
  kind,
  code(unit),
  list(attributes),
  description,
]);

/** prom-client has no unit: it is the end of the name. */
const unitOf = (name: string): string => /_(seconds|bytes)$/.exec(name)?.[1] ?? "";

const ofGateway = gatewayMetrics(memoryStore())
  .registry.getMetricsAsArray()
  .map((metric) => {
    const { name, help, type, labelNames } = metric as unknown as Record<"name" | "help" | "type", string> & {
      readonly labelNames: readonly string[];
    };
    const unit = unitOf(name);
    return [code(name), type, unit === "" ? "" : code(unit), list(labelNames), help];
  });

const rows = [...ofLibrary, ...ofGateway].map((row) => row.map((cell) => cell.replaceAll("|", String.raw`\|`)));
const text = readFileSync(page, "utf8");
const [start, stop] = [text.indexOf(begin), text.indexOf(end)];
if (start < 0 || stop < start) throw new Error(`${page} has no place for the metrics.`);
const table = markdownTable(["metric", "kind", "unit", "by", "says"], rows).join("\n");
update(page, `${text.slice(0, start + begin.length)}\n\n${table}\n\n${text.slice(stop)}`);
