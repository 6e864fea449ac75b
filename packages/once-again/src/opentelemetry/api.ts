/**
 * The parts of `@opentelemetry/api` (1.x) that are used here. They are structural, so that the library depends on none of
 * its packages. Methods, not functions: the real types fit.
 */
export type Attributes = Record<string, string | number | boolean>;

/** Makes spans: `trace.getTracer(name)`. */
export interface Tracer {
  startSpan(name: string, options?: SpanOptions, context?: never): Span;
}

/** The options of a new span. */
export interface SpanOptions {
  kind?: number;
  attributes?: Attributes;
  links?: { context: never }[];
}

/** One span. */
export interface Span {
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  addEvent(name: string, attributes?: Attributes): unknown;
  end(): void;
}

/** A span that says whether anybody will read it. */
export interface RecordingSpan extends Span {
  isRecording(): boolean;
}

/** The `trace` of `@opentelemetry/api`, from 1.2. */
export interface ActiveTraceApi {
  getActiveSpan(): RecordingSpan | undefined;
}

/** The `trace` of `@opentelemetry/api`. */
export interface TraceApi {
  setSpan(context: never, span: never): unknown;
}

/** The `context` of `@opentelemetry/api`. */
export interface ContextApi {
  active(): unknown;
}

/** The `trace` of `@opentelemetry/api`, where spans of other processes are known. */
export interface RemoteTraceApi extends TraceApi {
  getSpan(context: never): unknown;
  getSpanContext(context: never): unknown;
  deleteSpan(context: never): unknown;
}

/** The `context` of `@opentelemetry/api`, where spans are made active. */
export interface ActivatingContextApi extends ContextApi {
  with<Value>(context: never, call: () => Value): Value;
}

/** The `propagation` of `@opentelemetry/api`. */
export interface PropagationApi {
  inject(context: never, carrier: Record<string, string>): void;
  extract(context: never, carrier: Record<string, string>): unknown;
}

/** Makes instruments: `metrics.getMeter(name)`. */
export interface Meter {
  createCounter(name: string, options?: InstrumentOptions): Counter;
  createHistogram(name: string, options?: InstrumentOptions): Histogram;
}

/** Makes instruments, those included that are asked when metrics are collected. */
export interface ObservingMeter extends Meter {
  createObservableGauge(name: string, options?: InstrumentOptions): object;
  addBatchObservableCallback(callback: (result: ObservableResult) => Promise<void>, observables: never[]): void;
  removeBatchObservableCallback(callback: (result: ObservableResult) => Promise<void>, observables: never[]): void;
}

/** Where observed values go. */
export interface ObservableResult {
  observe(observable: never, value: number, attributes?: Attributes): void;
}

/** The description of an instrument. */
export interface InstrumentOptions {
  description?: string;
  unit?: string;
  advice?: { explicitBucketBoundaries?: number[] };
}

/** Counts. */
export interface Counter {
  add(value: number, attributes?: Attributes): void;
}

/** Keeps a distribution. */
export interface Histogram {
  record(value: number, attributes?: Attributes): void;
}

/** `SpanKind` of `@opentelemetry/api`. */
export const spanKind = { internal: 0, client: 2, producer: 3, consumer: 4 } as const;

/** `SpanStatusCode.ERROR` of `@opentelemetry/api`. */
export const errorStatus = 2;
