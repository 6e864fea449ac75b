import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import type { FastifyReply, FastifyRequest } from "fastify";
import { bodyTapOf, tapBody } from "../../packages/once-again/src/frameworks/read-body.ts";
import { ResponseCapture } from "../../packages/once-again/src/frameworks/capture/response-capture.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { encodeResponse } from "../../packages/once-again/src/http/response.ts";
import { requestFingerprint } from "../../packages/once-again/src/key/fingerprint.ts";
import { serverTelemetry } from "../../packages/once-again/src/opentelemetry/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { path } from "../server/exchange.ts";

type OnceFastifyOptions = Parameters<typeof onceFastify>[0];

type Done = (error?: Error) => void;

/** The options of Fastify's route. */
interface RouteHooks {
  onRequest?: (request: FastifyRequest, reply: FastifyReply, done: Done) => void;
  preHandler?: (request: FastifyRequest, reply: FastifyReply, done: Done) => void;
}

/** The parts of a request with a key; each includes the parts before it. */
export const parts = {
  "no keys": () => ({}),
  "the body is heard": () => ({ onRequest: hear }),
  "it has a fingerprint": () => ({
    onRequest: hear,
    preHandler(request, _reply, done) {
      takeFingerprint(request);
      done();
    },
  }),
  "the answer is captured, and sent whole": () => ({
    onRequest: hear,
    preHandler(request, reply, done) {
      takeFingerprint(request);
      sendCaptured(request, reply);
      done();
    },
  }),
  "it is bytes for a store": () => ({
    onRequest: hear,
    preHandler(request, reply, done) {
      takeFingerprint(request);
      sendCaptured(request, reply, encodeResponse);
      done();
    },
  }),
  "key, owner, lease, limits, repeats at once": () => onceFastify({ store: forgetfulStore, scope: "public" }),
  "a record in memory": () => onceFastify({ store: storeInMemory(), scope: "public" }),
  "a span that is active, of your own instrumentation": () => inSpan({ store: storeInMemory(), scope: "public" }),
  "metrics of its outcome": () =>
    inSpan({ store: storeInMemory(), scope: "public", onEvent: serverTelemetry({ meter }) }),
  "its outcome on the span": () =>
    inSpan({ store: storeInMemory(), scope: "public", onEvent: serverTelemetry({ meter, trace }) }),
} satisfies Record<string, () => RouteHooks>;

export type PartName = keyof typeof parts;

/** Which parts know a repeat. */
export const wholeParts: ReadonlySet<PartName> = new Set([
  "a record in memory",
  "a span that is active, of your own instrumentation",
  "metrics of its outcome",
  "its outcome on the span",
]);

export function isPartName(name: string | undefined): name is PartName {
  return name !== undefined && name in parts;
}

const bytesMax = 1_048_576;

const storeInMemory = (): Store => memoryStore({ recordsMax: 10_000_000 });

// With a reader, or nothing is counted.
const readers = [new PrometheusExporter({ preventServerStart: true })];
const meter = new MeterProvider({ readers }).getMeter("bench");
// Spans are recorded, and exported to nowhere.
const tracer = new BasicTracerProvider().getTracer("bench");

/** A route behind a hook that does what the instrumentation of an HTTP server does. */
function inSpan(options: OnceFastifyOptions): RouteHooks {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const { onRequest, ...hooks } = onceFastify(options) as RouteHooks;
  return {
    ...hooks,
    onRequest(request, reply, done) {
      const span = tracer.startSpan("POST");
      reply.raw.once("close", () => span.end());
      context.with(trace.setSpan(context.active(), span), () => onRequest?.(request, reply, done));
    },
  };
}

function hear({ raw }: FastifyRequest, _reply: FastifyReply, done: Done): void {
  tapBody(raw, bytesMax);
  done();
}

function takeFingerprint({ raw }: FastifyRequest): void {
  const body = bodyTapOf(raw)?.bytes;
  if (body === undefined) throw new Error("The body was not heard.");
  const contentType = raw.headers["content-type"] ?? "";
  void requestFingerprint({ method: "POST", path, query: "", contentType, body });
}

function sendCaptured({ raw }: FastifyRequest, reply: FastifyReply, use: typeof encodeResponse = noBytes): void {
  const capture = new ResponseCapture(reply.raw, raw, bytesMax);
  capture.begin({
    responded(response) {
      use(response);
      setImmediate(() => capture.send(response));
    },
    failed(error) {
      throw error;
    },
  });
}

function noBytes(): Uint8Array {
  return new Uint8Array();
}

/** Grants every claim and keeps nothing: what is left is what a key costs without its record. */
const forgetfulStore: Store = {
  survivesFailover: "no",
  claim: () => ({ kind: "acquired", attempt: 1, fence: 1, abandoned: false, checkpoints: {} }),
  complete: () => true,
  renew: () => true,
  release: () => true,
  checkpoint: () => true,
  inspect: () => undefined,
  list: () => [],
  resolve: () => false,
  purge: () => 0,
  close: async () => undefined,
};
