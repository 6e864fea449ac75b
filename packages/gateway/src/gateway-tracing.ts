import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import {
  type Attributes,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Dispatcher } from "undici";
import { callerVersion } from "./http2/local-connection.ts";
import { withoutQuery } from "./path-pattern.ts";
import type { RequestNotes } from "./request-record.ts";
import { HandlerWrapper, type Upstream, type UpstreamHandler, type UpstreamRequest } from "./upstream.ts";
import { whenClosed } from "./when-closed.ts";

/** Spans of requests, for the OpenTelemetry SDK of this process. */
export interface GatewayTracing {
  /**
   * Answers a request within its span (kind server): that of an instrumentation, which is active then, or one of our own,
   * which ends with the response. Both get the route.
   */
  serve(request: IncomingMessage, response: ServerResponse, notes: RequestNotes, answer: () => void): void;
  /** An upstream that gives each request a span (kind client) below the active one; its headers carry it on. */
  traceUpstream(upstream: Upstream, origin: URL): Upstream;
}

/** Every version of OpenTelemetry knows this key: what runs under it begins no spans, and sends none along. */
const suppressKey = createContextKey("OpenTelemetry SDK Context Key SUPPRESS_TRACING");

/** Spans of requests; `undefined` where no SDK was started: then requests cost what they cost without. */
export function gatewayTracing(): GatewayTracing | undefined {
  return keepsContext() ? { serve, traceUpstream } : undefined;
}

/** Whether an SDK keeps what is active across calls. Without that there are no spans below others. */
function keepsContext(): boolean {
  const key = createContextKey("once-again");
  return context.with(ROOT_CONTEXT.setValue(key, true), () => context.active().getValue(key) === true);
}

const tracer = trace.getTracer("@once-again/gateway");

const serve: GatewayTracing["serve"] = (request, response, notes, answer) => {
  const { route } = notes;
  const { method = "" } = request;
  const name = route === undefined ? method : `${method} ${route}`;
  const routed: Attributes = route === undefined ? {} : { "http.route": route };
  const active = trace.getActiveSpan();
  if (active !== undefined) {
    active.setAttributes(routed);
    if (route !== undefined) active.updateName(name);
    notes.trace = active.spanContext().traceId;
    return answer();
  }
  const parent = propagation.extract(context.active(), request.headers);
  const attributes = { ...requestAttributes(request), ...routed };
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  notes.trace = span.spanContext().traceId;
  whenClosed(response, () => {
    const isAnswered = response.headersSent || response.statusCode === 101;
    if (isAnswered) noteStatus(span, response.statusCode, 500);
    span.end();
  });
  context.with(trace.setSpan(parent, span), answer);
};

/** As the semantic conventions for HTTP have them, without the query: it may hold secrets. */
function requestAttributes(request: IncomingMessage): Attributes {
  const { method = "", url = "", socket } = request;
  const { localAddress = "", localPort = 0, remoteAddress = "" } = socket;
  return {
    "http.request.method": method,
    "url.path": withoutQuery(url),
    "url.scheme": (socket as Partial<TLSSocket>).encrypted === true ? "https" : "http",
    "network.protocol.version": callerVersion(request),
    "server.address": localAddress,
    "server.port": localPort,
    "client.address": remoteAddress,
  };
}

/**
 * The gateway has these spans itself. An instrumentation of undici begins its span when a connection is free, which may be
 * within another request; one of node:http can't read headers as they came; and both would add a `traceparent` to that of
 * the caller. So they are silenced here.
 */
const traceUpstream: GatewayTracing["traceUpstream"] = (upstream, origin) => {
  const base = origin.origin + origin.pathname.replace(/\/$/, "");
  const { hostname, port, protocol } = origin;
  const of = { "server.address": hostname, "server.port": Number(port || (protocol === "https:" ? 443 : 80)) };
  /** Begins the span of a request; one without a span above has none, and its headers as they came. */
  const begin = <Request extends UpstreamRequest>(request: Request): { traced: Request; span: Span | undefined } => {
    if (trace.getActiveSpan() === undefined) return { traced: request, span: undefined };
    const { method, target } = request;
    const attributes = { ...of, "http.request.method": method, "url.full": base + withoutQuery(target) };
    const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes });
    return { traced: { ...request, headers: headersWithSpan(request.headers, span) }, span };
  };
  const silently = <Value>(call: () => Value): Value =>
    context.with(context.active().setValue(suppressKey, true), call);
  return {
    places: (target) => upstream.places(target),
    absence: (target) => upstream.absence(target),
    services: upstream.services,
    dispatch(request, handler) {
      const { traced, span } = begin(request);
      const heard = span === undefined ? handler : new SpanHandler(span, handler);
      silently(() => upstream.dispatch(traced, heard));
    },
    request(request) {
      const { traced, span } = begin(request);
      const sent = silently(() => upstream.request(traced));
      if (span === undefined) return sent;
      const noteHead = ({ statusCode = 0 }: IncomingMessage): void => noteStatus(span, statusCode, 400);
      sent.once("response", noteHead).once("upgrade", noteHead);
      sent.once("error", (error) => noteError(span, error));
      return sent.once("close", () => span.end());
    },
    isOneService: (target, other) => upstream.isOneService(target, other),
    cut: () => upstream.cut(),
    close: () => upstream.close(),
  };
};

/** The headers with the trace of a span, and no other trace. */
function headersWithSpan(headers: readonly string[], span: Span): string[] {
  const fields = propagation.fields().map((field) => field.toLowerCase());
  const own = headers.filter((_, at) => !fields.includes(headers[at - (at % 2)]!.toLowerCase()));
  propagation.inject(trace.setSpan(context.active(), span), own, {
    set: (carrier, name, value) => void carrier.push(name, value),
  });
  return own;
}

/** Ends a span with the response. */
class SpanHandler extends HandlerWrapper {
  readonly #span: Span;

  constructor(span: Span, handler: UpstreamHandler) {
    super(handler);
    this.#span = span;
  }

  override onResponseStart(...args: Parameters<UpstreamHandler["onResponseStart"]>): void {
    const [, status] = args;
    if (status >= 200) noteStatus(this.#span, status, 400);
    super.onResponseStart(...args);
  }

  override onResponseEnd(...args: Parameters<UpstreamHandler["onResponseEnd"]>): void {
    this.#span.end();
    super.onResponseEnd(...args);
  }

  override onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    noteError(this.#span, error);
    this.#span.end();
    super.onResponseError(controller, error);
  }
}

/** @param failureMin the lowest status that is a failure of this side: 500 of a server, 400 of a client. */
function noteStatus(span: Span, status: number, failureMin: number): void {
  span.setAttribute("http.response.status_code", status);
  if (status >= failureMin) noteFailure(span, String(status));
}

function noteError(span: Span, error: Error): void {
  noteFailure(span, (error as NodeJS.ErrnoException).code ?? error.name);
}

function noteFailure(span: Span, error: string): void {
  span.setAttribute("error.type", error);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
