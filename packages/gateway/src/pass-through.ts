import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { containErrors } from "./contain-errors.ts";
import { ForwardedBody } from "./forward-body.ts";
import { flushHead, forwardHead, forwardInterim, sendResponse } from "./gateway-response.ts";
import type { ProtectedHeaders } from "./protected-headers.ts";
import { latin1Headers } from "./latin1-headers.ts";
import type { RequestBody } from "./request-body.ts";
import { noteFailure, type RequestNotes } from "./request-record.ts";
import { failureResponse } from "./upstream-failure.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

/** One request on its way through. */
export interface Passage {
  readonly upstream: Upstream;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Missing where the request has none. */
  readonly body: RequestBody | undefined;
  /** The request to the upstream. */
  readonly forwarded: UpstreamRequest;
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
  const { upstream, response, forwarded, notes } = passage;
  let controller: Dispatcher.DispatchController | undefined;
  let forwardedBody: ForwardedBody | undefined;
  response.once("close", () => {
    if (!response.writableFinished) controller?.abort(new Error("The caller hung up."));
  });
  upstream.dispatch(
    { ...forwarded, body },
    {
      onRequestStart(started) {
        controller = started;
        if (response.destroyed) started.abort(new Error("The caller hung up."));
      },
      onResponseStart(started, status, _headers, reason = "") {
        const { rawHeaders } = started;
        if (status < 200) return forwardInterim(response, status, latin1Headers(rawHeaders));
        forwardedBody = new ForwardedBody(response, started);
        forwardHead(response, status, reason, latin1Headers(rawHeaders));
        process.nextTick(flushHead, response);
      },
      onResponseData: (_started, chunk) => forwardedBody!.add(chunk),
      onResponseEnd: ({ rawTrailers }) => forwardedBody!.end(latin1Headers(rawTrailers)),
      onResponseError(_started, error) {
        if (body instanceof Readable) body.destroy();
        noteFailure(notes, error);
        sendResponse(response, failureResponse({ wasSent: controller !== undefined, error }));
      },
    },
  );
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
