/**
 * The parts of `@opentelemetry/api` (1.x) that are used here. They are structural, so that the library depends on none of
 * its packages. Methods, not functions: the real types fit.
 */
export type Attributes = Record<string, string | number | boolean>;

/** Makes spans: `trace.getTracer(name)`. */
export interface Tracer {
  startSpan(name: string, options?: { kind?: number; attributes?: Attributes }, context?: never): Span;
}

/** One span. */
export interface Span {
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  addEvent(name: string, attributes?: Attributes): unknown;
  end(): void;
}

/** The `trace` of `@opentelemetry/api`. */
export interface TraceApi {
  setSpan(context: never, span: never): unknown;
}

/** The `context` of `@opentelemetry/api`. */
export interface ContextApi {
  active(): unknown;
}

/** Makes instruments: `metrics.getMeter(name)`. */
export interface Meter {
  createCounter(name: string, options?: InstrumentOptions): Counter;
  createHistogram(name: string, options?: InstrumentOptions): Histogram;
}

/** What an instrument says of itself. */
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
export const spanKind = { internal: 0, client: 2 } as const;

/** `SpanStatusCode.ERROR` of `@opentelemetry/api`. */
export const errorStatus = 2;
