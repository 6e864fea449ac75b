import { context, propagation } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, beforeEach } from "vitest";

/** A tracer that keeps the spans of the running test. Spans are active across awaits, and go with messages as W3C writes them. */
export function recordingTracer() {
  const spans = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer("test");
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
    propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
  });
  afterAll(() => {
    context.disable();
    propagation.disable();
  });
  beforeEach(() => spans.reset());
  return { tracer, finished: (): ReadableSpan[] => spans.getFinishedSpans() };
}

/** A meter that keeps what is measured. */
export function recordingMeter() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });

  /** The points of every metric, by its name; of a histogram how many values it has. */
  const points = async (): Promise<Record<string, [attributes: object, value: number][]>> => {
    await provider.forceFlush();
    const scopes = exporter.getMetrics().at(-1)?.scopeMetrics ?? [];
    const metrics = scopes.flatMap((scope) => scope.metrics);
    return Object.fromEntries(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        (dataPoints as DataPoint<number | Histogram>[]).map(({ attributes, value }) => [
          attributes,
          typeof value === "number" ? value : value.count,
        ]),
      ]),
    );
  };
  return { meter: provider.getMeter("test"), points, shutdown: () => provider.shutdown() };
}
