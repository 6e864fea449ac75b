import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { PassThrough, Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { headerPairs } from "./forward-headers.ts";
import { flushHead, forwardHead, forwardInterim, sendResponse } from "./gateway-response.ts";
import { countPassed } from "./passed-bytes.ts";
import { rawTexts } from "./raw-texts.ts";
import { arrivedBody } from "./read-body.ts";
import { noteFailure, type RequestNotes } from "./request-record.ts";
import { failureResponse } from "./upstream-failure.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

/** One request on its way through. */
export interface Passage {
  readonly upstream: Upstream;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the upstream is asked. */
  readonly forwarded: UpstreamRequest;
  /** For its record. */
  readonly notes: RequestNotes;
}

/** Whether a request has a body, by its framing (RFC 9112, section 6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Passes a request on, and its answer back, as streams: neither is held, and who reads slowly is waited for. */
export function passThrough(passage: Passage): void {
  const { request, response } = passage;
  if (request.headers.expect !== undefined) response.writeContinue();
  if (!hasBody(request)) return send(passage, null);
  // The parser hands over what came with the head when it has told of the request.
  process.nextTick(() => send(passage, arrivedBody(request) ?? tapBody(request)));
}

function send(passage: Passage, body: Readable | Buffer | null): void {
  const { upstream, response, forwarded, notes } = passage;
  let controller: Dispatcher.DispatchController | undefined;
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
      onResponseStart({ rawHeaders }, status, _headers, reason = "") {
        if (status < 200) return forwardInterim(response, status, rawTexts(rawHeaders));
        forwardHead(response, status, reason, rawTexts(rawHeaders));
        process.nextTick(flushHead, response);
      },
      onResponseData(started, chunk) {
        countPassed(chunk);
        if (response.write(chunk)) return;
        started.pause();
        response.once("drain", () => started.resume());
      },
      onResponseEnd({ rawTrailers }) {
        response.addTrailers(headerPairs(rawTexts(rawTrailers)));
        response.end();
      },
      onResponseError(_started, error) {
        if (body instanceof Readable) body.destroy();
        noteFailure(notes, error);
        sendResponse(response, failureResponse({ wasSent: controller !== undefined, error }));
      },
    },
  );
}

/**
 * The body of a request, which may be given up without its connection: an upstream that answers before it has read all is
 * heard, and the rest goes by.
 */
function tapBody(request: IncomingMessage): Readable {
  const body = new PassThrough();
  request.on("data", countPassed).pipe(body);
  body.once("close", () => request.resume());
  request.once("close", () => {
    if (!request.complete) body.destroy(new Error("The caller hung up."));
  });
  return body;
}

/** Ends a connection whose caller neither sends what it began nor reads what it asked for. */
export function boundSilence(request: IncomingMessage, response: ServerResponse, idleMs: number): void {
  response.setTimeout(idleMs, () => {
    if (response.writableNeedDrain || !request.complete) response.destroy();
  });
}
