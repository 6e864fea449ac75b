import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { http } from "../node-http.ts";

// All that the capture uses of Node's http without Node's promise. node-private.test.ts checks each of them on the
// Node that runs it, and says which part of the capture depends on a field that changed.

/** Private fields of a response, and public ones that Node's types declare as read-only. */
export interface ResponseFields {
  /** The status line and the headers as Node sends them; `null` until `writeHead`. */
  _header: string | null;
  /** Whether "close" was emitted. */
  _closed: boolean;
  /** The length that the headers declare, or that Node takes from the only chunk. */
  _contentLength: number | null;
  /** False for a response to HEAD, a 204 and a 304: Node drops what is written. */
  _hasBody: boolean;
  /** Whether the connection ends with this response. */
  _last: boolean;
  /** The lines that follow the last chunk. */
  _trailer: string;
  /** Reports how many bytes a pipelined response has queued. */
  _onPendingData: (bytes: number) => void;
  /** Writes to the socket when it is this response's turn, and queues until then. */
  _writeRaw: (data: string | Uint8Array, encoding: string | null, callback: WriteCallback | null) => boolean;
  chunkedEncoding: boolean;
  destroyed: boolean;
  finished: boolean;
  outputSize: number;
  shouldKeepAlive: boolean;
  socket: Socket | null;
  /** The queue of on-finished, a package in nearly every framework, which listens to the first socket it sees. */
  __onFinished?: unknown;
  [highWaterMark]: number;
}

export type WriteCallback = (error?: Error | null) => void;

/**
 * The fields that Node's server stores on a connection. An intersection, not an interface: since `@types/node` 26 a
 * `Socket` declares `server`, with a type that no interface that fits the older declarations can extend.
 */
export type ServerConnection = Socket & {
  /** The response that writes to this connection now. */
  _httpMessage?: unknown;
  server?: { emit: (event: "timeout", socket: Socket) => boolean } | null;
};

/** Fields of a response that are no state of it. */
const ofObject = ["_events", "_eventsCount", "_maxListeners", "shapeMode", "kCapture", "req"];

/** Fields that Node's server sets. A response keeps them, whatever was written to it. */
const ofServer = [
  "_keepAliveTimeout",
  "_onPendingData",
  "_sent100",
  "_expect_continue",
  "maxRequestsOnConnectionReached",
  "sendDate",
  "kSocket",
  "kHighWaterMark",
  "kRejectNonStandardBodyWrites",
];

/** Fields that Node's server sets, and by which a response fits its connection. */
export const besideFields = [
  "_keepAliveTimeout",
  "_maxRequestsPerSocket",
  "_onPendingData",
  "maxRequestsOnConnectionReached",
] as const;

/** All that `ServerResponse` needs of the request it is made for. */
function requestOf(method = "POST"): IncomingMessage {
  return { method, httpVersionMajor: 1, httpVersionMinor: 1, headers: {} } as IncomingMessage;
}

/** How many bytes may wait in a corked response before its `write` returns false. */
export const highWaterMark = ownSymbol("kHighWaterMark");

function ownSymbol(description: string): symbol {
  const symbols = Object.getOwnPropertySymbols(new http.ServerResponse(requestOf()));
  return symbols.find((symbol) => symbol.description === description) ?? Symbol(description);
}

export function fieldsOf(response: ServerResponse): ResponseFields {
  return response as unknown as ResponseFields;
}

export type FieldList = [name: string | symbol, value: unknown][];

/**
 * The state of a response of Node's server to which nothing was written. It is read from a fresh response, so that a field
 * that a later version of Node adds is among them.
 */
export function unwrittenFields(request: IncomingMessage): FieldList {
  return fieldsWithout(request, [...ofObject, ...ofServer]);
}

/** All fields of a response of HTTP/1.1 that has no connection. */
export function unconnectedFields(method: string | undefined): FieldList {
  const own: FieldList = [
    ["statusCode", 200],
    ["statusMessage", undefined],
  ];
  return [...own, ...fieldsWithout(requestOf(method), ofObject)];
}

function fieldsWithout(request: IncomingMessage, without: readonly string[]): FieldList {
  const fresh = new http.ServerResponse(request);
  return Reflect.ownKeys(fresh)
    .filter((name) => !without.includes(typeof name === "symbol" ? (name.description ?? "") : name))
    .map((name) => [name, Reflect.get(fresh, name)]);
}
