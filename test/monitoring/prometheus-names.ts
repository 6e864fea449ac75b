import { gatewayMetrics } from "../../packages/gateway/src/gateway-metrics.ts";
import { metricDefinitions, type MetricDefinition } from "../../packages/once-again/src/opentelemetry/metrics.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";

const parts = ["_bucket", "_count", "_sum"];

/** The names that Prometheus has for all our metrics: by OpenTelemetry's own exporter, and by OTLP, which adds the unit. */
export function prometheusNames(): string[] {
  const ofGateway = gatewayMetrics(memoryStore()).registry.getMetricsAsArray();
  return [
    ...Object.values(metricDefinitions).flatMap(namesOf),
    ...ofGateway.flatMap((metric) => {
      const { name, type } = metric as unknown as { name: string; type: string };
      return type === "histogram" ? parts.map((part) => name + part) : [name];
    }),
  ];
}

function namesOf({ name, kind, unit }: MetricDefinition): string[] {
  const plain = name.replaceAll(".", "_");
  const names = unit === "s" ? [plain, `${plain}_seconds`] : [plain];
  if (kind === "counter") return names.map((one) => `${one}_total`);
  return kind === "histogram" ? names.flatMap((one) => parts.map((part) => one + part)) : names;
}
