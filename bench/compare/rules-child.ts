/** `rules-child.ts`: the rules, the engine and a store in memory, without a framework or a connection around them. */
import process from "node:process";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import type { Listener } from "../../packages/once-again/src/core/listener.ts";
import type { ServerEvent } from "../../packages/once-again/src/engine/index.ts";
import { onceHttp } from "../../packages/once-again/src/http/index.ts";
import { makeKey } from "../../packages/once-again/src/key/index.ts";
import { serverTelemetry } from "../../packages/once-again/src/opentelemetry/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { answer as answerText, contentType, order, path, status } from "../server/exchange.ts";

/** The cost of one request. */
export interface RulesFigures {
  firstNanoseconds: number;
  replayNanoseconds: number;
}

/**
 * `memory` answers at once, `awaited` a turn of the queue later, as stores behind a connection do. The others are over `memory`:
 * with a `label` that is stored, with an active `span` of the server's own, with `metrics` beside it, and with the `outcome` on it.
 */
export type RulesName = "memory" | "awaited" | "label" | "span" | "metrics" | "outcome";

const together = 50;
const requestsEach = 2000;
const body = new TextEncoder().encode(order);
const response = {
  status,
  headers: [["content-type", contentType]] as const,
  body: new TextEncoder().encode(answerText),
};

const handler = async (): Promise<typeof response> => {
  await Promise.resolve();
  return response;
};

const memory = (): Store => memoryStore({ recordsMax: 10_000_000 });

function awaited(): Store {
  const store = memory();
  return {
    ...store,
    claim: async (request) => store.claim(request),
    complete: async (request) => store.complete(request),
  };
}

// With a reader, or nothing is counted. Spans are recorded, and exported to nowhere.
const meter = new MeterProvider({ readers: [new PrometheusExporter({ preventServerStart: true })] }).getMeter("bench");
const tracer = new BasicTracerProvider().getTracer("bench");

/** The options of a route that differ. */
interface Rules {
  readonly store?: Store;
  readonly onUnknown?: { readonly action: "hold"; readonly label: () => string };
  readonly onEvent?: Listener<ServerEvent>;
}

const optionsOf: Readonly<Record<RulesName, () => Rules>> = {
  memory: () => ({}),
  awaited: () => ({ store: awaited() }),
  label: () => ({ onUnknown: { action: "hold", label: () => "an order of one coffee" } }),
  span: () => ({}),
  metrics: () => ({ onEvent: serverTelemetry({ meter }) }),
  outcome: () => ({ onEvent: serverTelemetry({ meter, trace }) }),
};

/** Runs a request within a span, as the instrumentation of an HTTP server does. */
async function inSpan<Value>(run: () => Promise<Value>): Promise<Value> {
  const span = tracer.startSpan("POST");
  const value = await context.with(trace.setSpan(context.active(), span), run);
  span.end();
  return value;
}

const requestOf = (key: string) => ({
  native: undefined,
  method: "POST",
  path,
  query: "",
  contentType,
  headerValues: (name: string) => (name === "idempotency-key" ? [key] : []),
  body: () => body,
});

/** Of this process, so that what else the machine does counts little. That of a thread is counted in ticks of up to 4 ms. */
async function nanosecondsOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let sent = 0; sent < requestsEach; sent += together) await Promise.all(Array.from({ length: together }, run));
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / requestsEach;
}

/** The quickest of many short runs: a neighbour makes them slower, and none quicker. */
async function measure(name: RulesName, milliseconds: number): Promise<RulesFigures> {
  const once = onceHttp({ store: memory(), scope: "public", ...optionsOf[name]() });
  const known = makeKey();
  const isInSpan = name === "span" || name === "metrics" || name === "outcome";
  if (isInSpan) context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const send = (key: string): Promise<unknown> => once.answer(requestOf(key), handler);
  const answer = isInSpan ? (key: string) => inSpan(() => send(key)) : send;
  await answer(known);
  const figures = { firstNanoseconds: Number.POSITIVE_INFINITY, replayNanoseconds: Number.POSITIVE_INFINITY };
  for (const endsAt = performance.now() + milliseconds; performance.now() < endsAt;) {
    const keys = Array.from({ length: requestsEach }, () => makeKey());
    const first = await nanosecondsOf(() => answer(keys.pop() ?? ""));
    const replay = await nanosecondsOf(() => answer(known));
    figures.firstNanoseconds = Math.min(figures.firstNanoseconds, first);
    figures.replayNanoseconds = Math.min(figures.replayNanoseconds, replay);
  }
  await once.close();
  return figures;
}

process.on("message", ({ name, milliseconds }: { name: RulesName; milliseconds: number }) => {
  measure(name, milliseconds).then(
    (figures) => process.send?.(figures),
    (error: unknown) => process.send?.({ fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
