import {
  type ClientRequest,
  type IncomingMessage,
  type InformationEvent,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { containErrors } from "./contain-errors.ts";
import { ForwardedBody } from "./forward-body.ts";
import { headerPairs, responseHeaders } from "./forward-headers.ts";
import { forwardedTrailers } from "./forward-trailers.ts";
import type { GatewayLimits } from "./gateway-limits.ts";
import { flushHead, forwardHead, forwardInterim, plainProblem, sendResponse } from "./gateway-response.ts";
import { boundTotal, isEventStream, type Passage, refusePlace } from "./pass-through.ts";
import { countBytes } from "./count-bytes.ts";
import { noteFailure } from "./request-record.ts";
import { failureResponse, timeoutError } from "./upstream-failure.ts";

/** The caller's side of a connection that may become another protocol's: its socket, and what it sent already. */
export interface Upgrade {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Whether the request of a caller ends with trailers: only a chunked body has room for them. */
export function announcesTrailers({ headers }: IncomingMessage): boolean {
  return headers.trailer !== undefined && headers["transfer-encoding"] !== undefined;
}

/**
 * Whether a request needs what undici's pool can't carry: an expectation, trailers, or a target that is no path. Node sends
 * an expectation with its headers as UTF-8, and they are Latin-1: the gateway meets the expectation itself then.
 */
export function needsOwnConnection(request: IncomingMessage): boolean {
  const { headers, rawHeaders, url } = request;
  if (headers.expect !== undefined) return !rawHeaders.some((text) => /[\u0080-\u00ff]/.test(text));
  return announcesTrailers(request) || url === "*";
}

/** Passes a request on, as `passThrough` does, on a separate connection, which may change its protocol. */
export function passOnOwnConnection(passage: Passage, upgrade?: Upgrade): void {
  const { upstream, response, forwarded, place } = passage;
  const endWatch = upgrade === undefined ? () => undefined : watchForEnd(upgrade.socket);
  const places = upstream.places(forwarded.target);
  const giveUp = places.take(
    place,
    containErrors(passage.fail, () => {
      if (response.destroyed) return places.leave(place);
      const sent = sendOnOwnConnection(passage, upgrade, endWatch);
      // An upgraded connection counts as one of the callers' from then on.
      sent.once("close", () => places.leave(place));
    }),
    (error) => refusePlace(passage, error),
  );
  response.once("close", giveUp);
}

function sendOnOwnConnection(passage: Passage, upgrade: Upgrade | undefined, endWatch: () => void): ClientRequest {
  const { upstream, request, response, forwarded, notes, body, inForce } = passage;
  const { limits, streamTotalMs } = inForce;
  const sent = upstream.request({ ...forwarded, headers: ownHeaders(passage, upgrade) });
  const fail = (error: unknown): void => {
    sent.destroy();
    passage.fail(error);
  };
  const endTotal = boundTotal(response, limits.passTotalMs, (error) => {
    // Joined connections end with the caller's.
    if (response.statusCode !== 101) return sent.destroy(error).destroyed;
    upgrade?.socket.destroy();
    return true;
  });
  const absence = upstream.absence(forwarded.target);
  let wasSent = false;
  boundWaits(sent, limits, () => {
    wasSent = true;
    absence.answered();
  });
  response.once("close", () => {
    if (!response.writableFinished) sent.destroy(new Error("The caller hung up."));
  });
  sent.on("continue", () => response.writeContinue());
  sent.on(
    "information",
    containErrors(fail, ({ statusCode, rawHeaders }: InformationEvent) => {
      if (statusCode !== 100) forwardInterim(response, statusCode, rawHeaders);
    }),
  );
  sent.on(
    "error",
    containErrors(fail, (error: Error) => {
      noteFailure(notes, error);
      if (!wasSent && !response.destroyed) absence.failed();
      sendResponse(response, failureResponse({ wasSent, error }, absence.ms));
    }),
  );
  sent.on(
    "response",
    containErrors(fail, (answer: IncomingMessage) => {
      if (streamTotalMs === undefined && isEventStream(answer.rawHeaders)) endTotal();
      forwardAnswer(answer, response, fail);
    }),
  );
  sent.on(
    "upgrade",
    containErrors(fail, (answer: IncomingMessage, socket: Socket, head: Buffer) => {
      // From here on no other listener takes its errors.
      socket.on("error", () => undefined);
      if (upgrade === undefined || upgrade.socket.destroyed) {
        socket.destroy();
        return sendResponse(response, plainProblem(502, "The service changed the protocol, and was not asked to."));
      }
      endWatch();
      if (streamTotalMs === undefined) endTotal();
      join(answer, { socket, head }, upgrade, limits);
      response.statusCode = 101;
    }),
  );
  if (body === undefined) return sent.end();
  if (body.whole !== undefined) return sent.end(body.whole);
  const stream = body.stream();
  stream.once(
    "end",
    containErrors(fail, () => sent.addTrailers(forwardedTrailers(request.rawTrailers, passage.names))),
  );
  stream.pipe(sent);
  sent.once("close", () => stream.destroy());
  return sent;
}

/**
 * Closes a connection when its caller leaves before the upgrade is answered. It has to be read for that: what the caller sends
 * early waits in it, up to the bound of every stream.
 *
 * @returns what ends that.
 */
function watchForEnd(socket: Duplex): () => void {
  const onReadable = (): void => {
    // Only a read of nothing finds the end.
    if (socket.readableLength === 0) socket.read();
  };
  const onEnd = (): void => void socket.destroy();
  socket.on("readable", onReadable).on("end", onEnd);
  return () => void socket.off("readable", onReadable).off("end", onEnd);
}

function forwardAnswer(answer: IncomingMessage, response: ServerResponse, fail: (error: unknown) => void): void {
  forwardHead(response, answer.statusCode ?? 502, answer.statusMessage ?? "", answer.rawHeaders);
  const body = new ForwardedBody(response, answer);
  answer.on("data", (chunk: Buffer) => body.add(chunk));
  answer.once(
    "end",
    containErrors(fail, () => body.end(answer.rawTrailers)),
  );
  answer.on("error", () => response.destroy());
  answer.once("close", () => {
    if (!answer.complete) response.destroy();
  });
  flushHead(response);
}

/** The headers of a request, with those of the new connection. */
function ownHeaders({ request, forwarded }: Passage, upgrade: Upgrade | undefined): string[] {
  const { headers } = request;
  const own = [...forwarded.headers];
  if (headers["transfer-encoding"] !== undefined) own.push("transfer-encoding", "chunked");
  else if (headers["content-length"] === undefined && !bodiless.has(request.method)) own.push("content-length", "0");
  if (headers.expect !== undefined) own.push("expect", headers.expect);
  return upgrade === undefined ? own : [...own, "connection", "upgrade", "upgrade", headers.upgrade ?? ""];
}

/** Methods that Node sends without a body, unless the request says that it has one. */
const bodiless: ReadonlySet<unknown> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

function boundWaits(sent: ClientRequest, { connectMs, firstByteMs, idleMs }: GatewayLimits, onSent: () => void): void {
  sent.once("socket", (socket) => {
    socket.setTimeout(connectMs, () => sent.destroy(timeoutError("The upstream was silent for too long.")));
    const isTls = (socket as Partial<TLSSocket>).encrypted === true;
    socket.once(isTls ? "secureConnect" : "connect", () => {
      onSent();
      socket.setTimeout(firstByteMs);
    });
    sent.once("response", () => socket.setTimeout(idleMs));
  });
}

/** Joins two connections that speak another protocol from now on, until one of them ends or both are silent. */
function join(answer: IncomingMessage, far: Upgrade, near: Upgrade, { idleMs }: GatewayLimits): void {
  const { statusCode = 101, statusMessage, rawHeaders, headers } = answer;
  const forwarded = responseHeaders(rawHeaders);
  forwarded.push("connection", "upgrade", "upgrade", headers.upgrade ?? "");
  let head = `HTTP/1.1 ${statusCode} ${statusMessage ?? STATUS_CODES[statusCode]}\r\n`;
  for (const [name, value] of headerPairs(forwarded)) head += `${name}: ${value}\r\n`;
  near.socket.write(`${head}\r\n`, "latin1");
  near.socket.write(far.head);
  far.socket.write(near.head);
  for (const [side, other] of [
    [near.socket, far.socket],
    [far.socket, near.socket],
  ] as [Socket, Socket][]) {
    side.removeAllListeners("timeout");
    // Each side's bytes pass through the other, so both are silent at once, and one timer is enough for each.
    side.setTimeout(idleMs, () => side.destroy());
    side.on("error", () => undefined);
    side.once("close", () => other.destroySoon());
    side.on("data", countBytes).pipe(other);
  }
}
