import { type ClientRequest, type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import type { TLSSocket } from "node:tls";
import { headerPairs, responseHeaders } from "./forward-headers.ts";
import type { GatewayLimits } from "./gateway-limits.ts";
import { flushHead, forwardHead, forwardInterim, sendResponse } from "./gateway-response.ts";
import { hasBody, type Passage } from "./pass-through.ts";
import { countPassed } from "./passed-bytes.ts";
import { noteFailure } from "./request-record.ts";
import { failureResponse, timeoutError } from "./upstream-failure.ts";

/** The caller's side of a connection that may become another protocol's: its socket, and what it sent already. */
export interface Upgrade {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * Whether a request needs what undici's pool can't carry: an expectation, trailers, or a target that is no path. Node sends
 * an expectation with its headers as UTF-8, and they are Latin-1: the gateway meets the expectation itself then.
 */
export function needsOwnConnection({ headers, rawHeaders, url }: IncomingMessage): boolean {
  if (headers.expect !== undefined) return !rawHeaders.some((text) => /[\u0080-\u00ff]/.test(text));
  return headers.trailer !== undefined || url === "*";
}

/** Passes a request on, as `passThrough` does, on a connection of its own, which may become another protocol's. */
export function passOnOwnConnection(passage: Passage, limits: GatewayLimits, upgrade?: Upgrade): void {
  const { upstream, request, response, forwarded, notes } = passage;
  const sent = upstream.request({ ...forwarded, headers: ownHeaders(passage, upgrade) });
  let wasSent = false;
  // A pipeline waits for its end in several ways; so do we, and an instrumentation may.
  response.setMaxListeners(20);
  boundWaits(sent, limits, () => (wasSent = true));
  response.once("close", () => {
    if (!response.writableFinished) sent.destroy(new Error("The caller hung up."));
  });
  sent.on("continue", () => response.writeContinue());
  sent.on("information", ({ statusCode, rawHeaders }) => {
    if (statusCode !== 100) forwardInterim(response, statusCode, rawHeaders);
  });
  sent.on("error", (error) => {
    noteFailure(notes, error);
    sendResponse(response, failureResponse({ wasSent, error }));
  });
  sent.on("response", (answer) => {
    forwardHead(response, answer.statusCode ?? 502, answer.statusMessage ?? "", answer.rawHeaders);
    answer.once("end", () => response.addTrailers(headerPairs(answer.rawTrailers)));
    pipeline(answer.on("data", countPassed), response, () => undefined);
    flushHead(response);
  });
  sent.on("upgrade", (answer, socket, head) => {
    if (upgrade === undefined) socket.destroy();
    else join(answer, { socket, head }, upgrade, limits);
    response.statusCode = 101;
  });
  if (!hasBody(request)) return void sent.end();
  request.on("end", () => sent.addTrailers(headerPairs(request.rawTrailers)));
  request.on("data", countPassed).pipe(sent);
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

/** Methods whose requests Node sends without a body, unless they say that they have one. */
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
  const kept = responseHeaders(rawHeaders);
  kept.push("connection", "upgrade", "upgrade", headers.upgrade ?? "");
  let head = `HTTP/1.1 ${statusCode} ${statusMessage ?? STATUS_CODES[statusCode]}\r\n`;
  for (const [name, value] of headerPairs(kept)) head += `${name}: ${value}\r\n`;
  near.socket.write(`${head}\r\n`, "latin1");
  near.socket.write(far.head);
  far.socket.write(near.head);
  for (const [side, other] of [
    [near.socket, far.socket],
    [far.socket, near.socket],
  ] as [Socket, Socket][]) {
    side.removeAllListeners("timeout");
    // What one side says passes through the other: the silence of one is that of both.
    side.setTimeout(idleMs, () => side.destroy());
    side.on("error", () => undefined);
    side.once("close", () => other.destroySoon());
    side.on("data", countPassed).pipe(other);
  }
}
