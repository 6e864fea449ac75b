import { AsyncLocalStorage } from "node:async_hooks";
import type { ServerEvent } from "once-again/engine";
import { type HttpRequest, type HttpResponse, onceHttp } from "once-again/http";
import type { UnknownOutcomeRules } from "once-again/internal";
import type { LimitsInForce } from "./gateway-limits.ts";
import { readWay } from "./forward-headers.ts";
import { forwardOperation, type Served } from "./forward-operation.ts";
import type { GatewayOptions, GatewayRoute, RequestFacts } from "./gateway-options.ts";
import { sendResponse } from "./gateway-response.ts";
import type { KeyedCall } from "./keyed-call.ts";
import { bodyTooLargeError } from "./request-body.ts";
import { reconcileByGet, type ReconcileAsking } from "./reconcile.ts";
import type { LogField } from "./log-fields.ts";
import type { RequestNotes } from "./request-record.ts";
import { accountOwner } from "./shares.ts";
import type { Upstream } from "./upstream.ts";

/** A route that executes each operation once. */
export interface KeyedRoute {
  readonly path: string;
  /** Answers a request. It never rejects. */
  answer(call: Omit<KeyedCall, "asked">): Promise<void>;
  /** Resolves when the running operations have ended and are stored. */
  close(): Promise<void>;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
export function keyedRoute(
  route: GatewayRoute,
  options: Pick<GatewayOptions, "store" | "scope" | "fingerprintHost" | "onError" | "onEvent" | "logFields">,
  { limits, places }: LimitsInForce,
  upstream: Upstream,
): KeyedRoute {
  const { path, keyed, onUnknown, heldRetentionMs, quota, scope: ownScope, limits: _, ...others } = route;
  const { keyHeader, expiredKeys, reusedStatus, retryAfterSeconds, problemBase, ...rules } = others;
  const { store, scope, fingerprintHost = true, onError, onEvent } = options;
  const noting = noteOperations(options.logFields ?? []);
  const { bodyBytesMax, resultBytesMax, totalMs } = limits;
  const keyRequired = keyed === "required";
  const once = onceHttp<KeyedCall>({
    ...rules,
    store,
    onUnknown: { ...unknownRules(onUnknown, { upstream, bytesMax: resultBytesMax, places }), heldRetentionMs },
    profile: { keyHeader, keyRequired, expiredKeys, reusedStatus, retryAfterSeconds, problemBase },
    limits: { bodyBytesMax, resultBytesMax, handlerMsMax: totalMs, quota },
    onError,
    onEvent: (onEvent ?? noting) && ((event) => (noting?.onEvent(event), onEvent?.(event, path))),
    scope: ({ asked }) => {
      if ("error" in asked) throw asked.error;
      return "scope" in asked ? asked.scope : "";
    },
  });
  const scopeOf = ownScope ?? scope;
  return {
    path,
    async answer(call) {
      const { request } = call;
      let asked: KeyedCall["asked"];
      try {
        asked = await scopeOf(requestFacts(call));
      } catch (error) {
        asked = { error };
      }
      const refusal = "refusal" in asked ? asked.refusal : undefined;
      const keyedCall = { ...call, asked };
      const served: Served = {};
      const operate = (): Promise<HttpResponse> =>
        once.answer(
          httpRequest(keyedCall, fingerprintHost),
          forwardOperation(once, keyedCall, { upstream, places }, onUnknown, served),
        );
      const answer = refusal ?? (await (noting === undefined ? operate() : noting.within(call.notes, operate)));
      // Drain a body that was refused before its end: closing under a caller who still sends would lose the response.
      if (!request.complete) request.resume();
      if (answer.headers.some(([name]) => name === "idempotent-replayed")) call.notes.replayed = true;
      if (call.response.headersSent) return;
      const isService = call.notes.replayed === true || answer.body === served.body;
      sendResponse(call.response, answer, isService ? "service" : "gateway");
    },
    close: () => once.close(),
  };
}

/** Notes for the access log what becomes of operations. Its cost is that of an asynchronous context for each request. */
interface OperationNotes {
  within<Value>(notes: RequestNotes, operate: () => Value): Value;
  onEvent(event: ServerEvent): void;
}

/** @returns undefined where no field asks for it. */
function noteOperations(fields: readonly LogField[]): OperationNotes | undefined {
  if (!fields.some((field) => field === "keyHash" || field === "account" || field === "outcome")) return undefined;
  const current = new AsyncLocalStorage<RequestNotes>();
  /** By the call of an operation's events: its end may be noted in the context of another request. */
  const notesOf = new WeakMap<object, RequestNotes>();
  return {
    within: (notes, operate) => current.run(notes, operate),
    onEvent(event) {
      const { type } = event;
      if (type === "lease-lost" || type === "store-answered" || type === "store-failed") return;
      const { scope, key, call } = event;
      const notes = (call && notesOf.get(call)) ?? current.getStore();
      if (notes === undefined) return;
      if (type === "received") {
        if (call !== undefined) notesOf.set(call, notes);
        notes.account = scope;
        if (key !== undefined) notes.key = key;
      } else notes.outcome = type;
    },
  };
}

function unknownRules(onUnknown: GatewayRoute["onUnknown"], asking: ReconcileAsking): UnknownOutcomeRules<KeyedCall> {
  switch (onUnknown.policy) {
    case "hold":
      return { action: "hold" };
    case "forward-key":
      // The upstream honours the key: to be asked twice is no harm.
      return { action: "rerun", acknowledgeDuplicates: true };
    case "reconcile":
      return {
        action: reconcileByGet(onUnknown, asking),
        quiesceMs: onUnknown.quiesceMs ?? 30_000,
      };
  }
}

/** The request as the upstream gets it: a scope that looked at other bytes would let another request pass. */
function requestFacts({
  request: { headersDistinct: headers, socket },
  arrival,
  forwarded: { method, target: url },
}: Pick<KeyedCall, "request" | "arrival" | "forwarded">): RequestFacts {
  const { remoteAddress } = socket;
  return { method, url, headers, remoteAddress, ...readWay(arrival, headers) };
}

function httpRequest(call: KeyedCall, fingerprintHost: boolean): HttpRequest<KeyedCall> {
  const { request, response, body, forwarded, asked } = call;
  const { method, target } = forwarded;
  const owner = accountOwner("scope" in asked ? asked.scope : "");
  const queryStart = target.indexOf("?");
  const path = queryStart < 0 ? target : target.slice(0, queryStart);
  return {
    native: call,
    method,
    path: fingerprintHost ? `//${fingerprintedHost(call)}${path}` : path,
    query: queryStart < 0 ? "" : target.slice(queryStart),
    contentType: request.headers["content-type"] ?? "",
    headerValues: (name) => request.headersDistinct[name] ?? [],
    async body(bytesMax) {
      if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw bodyTooLargeError(bytesMax);
      if (request.headers.expect !== undefined) response.writeContinue();
      return body?.collect(bytesMax, owner) ?? Buffer.alloc(0);
    },
  };
}

/**
 * The host of a request as its fingerprint has it: one key at two hosts is two operations, and the second is refused, since
 * one account may be two people there. A trusted proxy's word stands beside it, not in its place, and the port that a scheme
 * implies is left out.
 */
function fingerprintedHost({ arrival, request }: KeyedCall): string {
  const plain = (host: string): string =>
    host
      .toLowerCase()
      .replace(/:(?:80|443)$/, "")
      .replace(/\.(?=:|$)/, "");
  const own = plain(arrival.host);
  if (!arrival.isFromProxy) return own;
  const forwarded = plain(readWay(arrival, request.headersDistinct).host);
  return own === forwarded ? own : `${own},${forwarded}`;
}
