import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { containErrors } from "./contain-errors.ts";
import { ForwardedBody } from "./forward-body.ts";
import { headerPairs } from "./forward-headers.ts";
import type { LimitsInForce } from "./gateway-limits.ts";
import { flushHead, forwardHead, forwardInterim, plainProblem, sendResponse } from "./gateway-response.ts";
import type { NoPlaceError, PlaceRequest, Places } from "./places.ts";
import type { ProtectedHeaders } from "./protected-headers.ts";
import { latin1Headers } from "./latin1-headers.ts";
import type { RequestBody } from "./request-body.ts";
import { noteFailure, type RequestNotes } from "./request-record.ts";
import { failureResponse, timeoutError } from "./upstream-failure.ts";
import type { Upstream, UpstreamHandler, UpstreamRequest } from "./upstream.ts";
import { whenClosed } from "./when-closed.ts";

/** One request on its way through. */
export interface Passage {
  readonly upstream: Upstream;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Missing where the request has none. */
  readonly body: RequestBody | undefined;
  /** The request to the upstream. */
  readonly forwarded: UpstreamRequest;
  /** The place that it needs at the service. */
  readonly place: PlaceRequest;
  readonly inForce: LimitsInForce;
  /** Headers that no trailer may be. */
  readonly names: ProtectedHeaders;
  /** For its record. */
  readonly notes: RequestNotes;
  /** Ends this request, and no other, after an error that no rule foresaw. It never throws. */
  readonly fail: (error: unknown) => void;
}

/** Whether a request has a body, by its framing (RFC 9112, section 6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Passes a request on, and its answer back, as streams: neither is held, and who reads slowly is waited for. */
export function passThrough(passage: Passage): void {
  const { request, response, body, fail } = passage;
  if (request.headers.expect !== undefined) response.writeContinue();
  if (body === undefined) return send(passage, null);
  // A body that came with the head is whole after this turn.
  process.nextTick(containErrors(fail, () => send(passage, body.whole ?? body.stream())));
}

function send(passage: Passage, body: Readable | Buffer | null): void {
  new PassedResponse(passage, body).send();
}

/** Answers a request for which there is no place at the service. */
export function refusePlace({ response, notes }: Pick<Passage, "response" | "notes">, error: NoPlaceError): void {
  notes.refused = "no-place";
  sendResponse(response, plainProblem(503, error.message, error.code));
}

/** Passes the response of the upstream on as it comes. */
class PassedResponse implements UpstreamHandler {
  readonly #passage: Passage;
  readonly #response: ServerResponse;
  /** The body of the request. */
  readonly #sent: Readable | Buffer | null;
  /** Ends the wait for a place. */
  #giveUp: (() => boolean) | undefined;
  /** The places that it has one of. */
  #places: Places | undefined;
  #endTotal: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: ForwardedBody | undefined;

  constructor(passage: Passage, sent: Readable | Buffer | null) {
    this.#passage = passage;
    this.#response = passage.response;
    this.#sent = sent;
  }

  send(): void {
    const { upstream, forwarded, place, inForce } = this.#passage;
    const response = this.#response;
    if (response.destroyed) return this.#dropBody();
    whenClosed(response, () => {
      if (response.writableFinished) return;
      this.#controller?.abort(new Error("The caller hung up."));
      if (this.#giveUp?.() === true) this.#dropBody();
    });
    this.#endTotal = boundTotal(response, inForce.limits.passTotalMs, (error) => {
      this.#giveUp?.();
      this.#controller?.abort(error);
      return this.#controller !== undefined;
    });
    const places = upstream.places(forwarded.target);
    this.#giveUp = places.take(
      place,
      containErrors(this.#passage.fail, () => {
        this.#places = places;
        upstream.dispatch({ ...forwarded, body: this.#sent }, this);
      }),
      (error) => {
        this.#dropBody();
        refusePlace(this.#passage, error);
      },
    );
  }

  #leave(): void {
    this.#places?.leave(this.#passage.place);
  }

  #dropBody(): void {
    if (this.#sent instanceof Readable) this.#sent.destroy();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#response.destroyed) controller.abort(new Error("The caller hung up."));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason = ""): void {
    const response = this.#response;
    const headers = latin1Headers(controller.rawHeaders);
    if (status < 200) return forwardInterim(response, status, headers);
    const { streamTotalMs } = this.#passage.inForce;
    if (streamTotalMs === undefined && isEventStream(headers)) this.#endTotal?.();
    this.#body = new ForwardedBody(response, controller);
    forwardHead(response, status, reason, headers);
    process.nextTick(flushHead, response);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#body!.add(chunk);
  }

  onResponseEnd({ rawTrailers }: Dispatcher.DispatchController): void {
    this.#leave();
    this.#body!.end(latin1Headers(rawTrailers));
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#leave();
    this.#dropBody();
    noteFailure(this.#passage.notes, error);
    const { upstream, forwarded } = this.#passage;
    const failure = { wasSent: this.#controller !== undefined, error };
    sendResponse(this.#response, failureResponse(failure, upstream.absence(forwarded.target).ms));
  }
}

/** Whether a response is a stream of events, which may last as long as its caller listens. */
export function isEventStream(headers: readonly string[]): boolean {
  return headerPairs(headers).some(
    ([name, value]) => name.toLowerCase() === "content-type" && /^\s*text\/event-stream\b/i.test(value),
  );
}

/**
 * Ends a request that passes through when its time is over: with 504 where its response has not begun.
 *
 * @param onEnd ends it at the service; `false`: it was not sent to it.
 * @returns a function that ends the watch.
 */
export function boundTotal(response: ServerResponse, totalMs: number, onEnd: (error: Error) => boolean): () => void {
  const timer = setTimeout(() => {
    // Its end at the service is answered with 504, or breaks the response off. One that waits for a place ends here.
    if (!onEnd(timeoutError("The request took longer than it may."))) response.destroy();
  }, totalMs);
  const end = (): void => clearTimeout(timer);
  whenClosed(response, end);
  return end;
}

/**
 * Ends a connection when its caller neither sends what it began nor reads what it asked for. A response that waits for the
 * upstream is bounded by the limits of that.
 */
export function boundSilence(request: IncomingMessage, response: ServerResponse, idleMs: number): void {
  response.setTimeout(idleMs, () => {
    const isUnread = response.writableNeedDrain || (response.writableEnded && !response.writableFinished);
    if (isUnread || !request.complete) response.destroy();
  });
}
