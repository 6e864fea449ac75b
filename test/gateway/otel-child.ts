import process from "node:process";
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  ExportResultCode,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

// An SDK for a process that is started with `--import`. It says its spans, and in the end its metrics, as lines of JSON on
// stderr. With INSTRUMENTED it has those of node:http and undici, too.

const say = (line: object): void => void process.stderr.write(`${JSON.stringify(line)}\n`);

if (process.env["INSTRUMENTED"] !== undefined) {
  registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });
  // A program that requires it has it instrumented, whatever came before.
  process.getBuiltinModule("node:module").createRequire(import.meta.url)("http");
}
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
propagation.setGlobalPropagator(
  new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
);
trace.setGlobalTracerProvider(
  new BasicTracerProvider({
    spanProcessors: [
      new SimpleSpanProcessor({
        export(spans, done) {
          for (const span of spans) {
            const { name, kind, attributes, status, instrumentationScope, parentSpanContext } = span;
            const { traceId, spanId } = span.spanContext();
            const [scope, parent] = [instrumentationScope.name, parentSpanContext?.spanId];
            say({ scope, name, kind, attributes, status: status.code, traceId, spanId, parent });
          }
          done({ code: ExportResultCode.SUCCESS });
        },
        shutdown: async () => undefined,
      }),
    ],
  }),
);
// They are said in the end alone.
const exportIntervalMillis = 86_400_000;
const meters = new MeterProvider({
  readers: [
    new PeriodicExportingMetricReader({
      exportIntervalMillis,
      exporter: {
        export({ scopeMetrics }, done) {
          for (const { descriptor, dataPoints } of scopeMetrics.flatMap((scope) => scope.metrics)) {
            say({ metric: descriptor.name, points: dataPoints.map(({ attributes, value }) => [attributes, value]) });
          }
          done({ code: ExportResultCode.SUCCESS });
        },
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    }),
  ],
});
metrics.setGlobalMeterProvider(meters);
process.once("beforeExit", () => void meters.shutdown());
