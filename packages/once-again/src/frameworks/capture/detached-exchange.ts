import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Duplex, Stream } from "node:stream";
import { ConvertedResponse } from "./converted-response.ts";
import {
  DetachedSocket,
  type HeldConnection,
  holdConnection,
  releaseConnection,
  type SocketOwner,
} from "./detached-socket.ts";
import {
  besideFields,
  fieldsOf,
  highWaterMark,
  type ResponseFields,
  type ServerConnection,
  unconnectedFields,
  unwrittenFields,
} from "./node-private.ts";
import { http } from "../node-http.ts";

/**
 * A request and its response, taken off the caller's connection while an operation runs. The handler sees the same two
 * objects on a socket that lives as long as the operation. Middleware in front sees the response end when it went out.
 *
 * A response that Node's server made is moved to a detached socket as it is. One of HTTP/2, or one that an adapter made
 * up, becomes a response of HTTP/1.1 until it is attached again.
 */
export class DetachedExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #fields: ResponseFields;
  readonly #start: ResponseStart;
  /** The connection of Node's server; `undefined` where no connection takes HTTP/1.1. */
  readonly #connection: ServerConnection | undefined;
  readonly #shouldKeepAlive: boolean;
  readonly #highWaterMark: number | undefined;
  readonly #pending: PendingResponse | undefined;
  /** Methods that middleware in front has put on the response. */
  readonly #methodsInFront: Record<string, unknown>;
  #held: { connection: Parameters<typeof releaseConnection>[0]; state: HeldConnection } | undefined;
  readonly #inFront: ListenersInFront;
  #converted: ConvertedResponse | undefined;
  /** Whether another response goes out in the place of this one. */
  #isReplaced = false;
  #isWaiting = false;
  #socket: DetachedSocket | undefined;
  #owner: SocketOwner | undefined;
  #finished: (() => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, start: ResponseStart) {
    this.request = request;
    this.response = response;
    this.#fields = fieldsOf(response);
    this.#start = start;
    this.#connection = serverConnectionOf(request, response);
    this.#shouldKeepAlive = response.shouldKeepAlive;
    this.#highWaterMark = this.#fields[highWaterMark];
    this.#pending = this.#connection && new PendingResponse(response);
    this.#methodsInFront = takeMethods(response);
    this.#inFront = new ListenersInFront(response);
    this.#hold();
  }

  /** Whether a connection of HTTP/1.1 brought the request. */
  get isOnConnection(): boolean {
    return this.#connection !== undefined;
  }

  /** Whether middleware in front wants to see the head. */
  get isHeadSeen(): boolean {
    return "writeHead" in this.#methodsInFront;
  }

  /** Whether the response can go out as Node wrote it: nothing in front wants to see it written. */
  get canSendAsWritten(): boolean {
    return this.#connection !== undefined && !sending.some((name) => name in this.#methodsInFront);
  }

  /** Begins a run of the handler, with the response as it was at first. */
  begin(owner: SocketOwner, finished: () => void): void {
    const isAgain = this.#owner !== undefined;
    if (isAgain) this.#reset();
    else if (this.#connection === undefined) this.#convert();
    else if (this.response.destroyed) this.#renew();
    this.#owner = owner;
    this.#finished = finished;
    this.#inFront.setAside();
    if (this.isHeadSeen) this.response.writeHead = writeHeadOfPairs;
    this.response.on("finish", this.#finish);
    this.#detach(owner);
  }

  #reset(): void {
    this.#leaveSocket();
    takeMethods(this.response);
    this.#renew();
  }

  #detach(owner: SocketOwner): void {
    const { request, response } = this;
    const connection = this.#connection;
    const socket = this.#takeIdleSocket() ?? new DetachedSocket(connection ?? connectionLike(request));
    this.#socket = socket;
    socket.open(owner, response);
    if (connection !== undefined) {
      request.socket = socket;
      (request as { client?: unknown }).client = socket;
      if (this.#fields.socket === connection) connection._httpMessage = this.#pending;
      // The server gives the connection to a pipelined response when its turn comes.
      else if (this.#fields.socket === null) this.#waitForTurn();
    }
    this.#fields.socket = socket;
    // A corked response must not have its writer wait either: see `DetachedSocket.write`.
    this.#fields[highWaterMark] = Infinity;
    if (this.#fields.__onFinished !== undefined) this.#fields.__onFinished = undefined;
  }

  #takeIdleSocket(): DetachedSocket | undefined {
    const state = this.#connection && this.#held?.state;
    const socket = state?.idleSocket as DetachedSocket | undefined;
    if (state === undefined || socket?.writable !== true) return undefined;
    state.idleSocket = undefined;
    return socket;
  }

  #waitForTurn(): void {
    const pending = this.#pending!;
    this.#isWaiting = true;
    this.response.assignSocket = (connection) =>
      http.ServerResponse.prototype.assignSocket.call(pending as never, connection);
  }

  /** Whether no earlier response of the connection is still to go out. */
  get #hasTurn(): boolean {
    return this.#connection !== undefined && this.#connection._httpMessage === this.#pending;
  }

  /** Sends a 1xx response, which has no body, past the operation. */
  sendInformation(data: string | Uint8Array): void {
    if (this.#hasTurn && this.#connection!.writable) this.#connection!.write(data);
  }

  /** Ends the run at once: its socket is closed. */
  destroySocket(error: Error): void {
    this.#socket?.destroy(error);
  }

  /** Puts request and response back on the caller's connection. What the run wrote stays in the response. */
  attach(): void {
    const { response, request } = this;
    const fields = this.#fields;
    const connection = this.#connection;
    this.#leaveSocket();
    response.off("finish", this.#finish);
    this.#inFront.returnFinish();
    this.#inFront.returnClose();
    if (connection === undefined) {
      this.#converted?.restore();
    } else {
      request.socket = connection;
      (request as { client?: unknown }).client = connection;
      if (this.#isWaiting) Reflect.deleteProperty(response, "assignSocket");
      fields._last ||= this.#pending!._last;
      fields._closed = false;
      fields[highWaterMark] = this.#highWaterMark!;
      const hasTurn = this.#hasTurn;
      fields.socket = hasTurn ? connection : null;
      if (hasTurn) connection._httpMessage = response;
    }
    this.#release();
  }

  /**
   * Opens another response to the request, for what is sent while the handler is at work: request and response stay on the
   * detached socket. Node's server and middleware in front see its end as that of the handler's response.
   *
   * @returns `undefined` where an adapter made the response up, and will read what is in that one.
   */
  openBeside(): ServerResponse | undefined {
    const { request, response } = this;
    const connection = this.#connection;
    const beside = connection === undefined ? this.#converted?.openBeside() : http1Beside(request, response);
    if (beside === undefined) return undefined;
    this.#isReplaced = true;
    setStart(beside, this.#start);
    const onSent = (): void => this.#sentBeside(beside);
    beside.on("finish", onSent);
    if (connection === undefined) {
      // The close of its stream, by which HTTP/2 reports the end, is held back.
      this.#held?.connection.once("finish", onSent);
      return beside;
    }
    beside.shouldKeepAlive = this.#shouldKeepAlive;
    fieldsOf(beside)._last = this.#fields._last || this.#pending!._last;
    beside.on("close", this.#inFront.callClose);
    if (this.#hasTurn) {
      fieldsOf(beside).socket = connection;
      connection._httpMessage = beside;
    } else {
      response.assignSocket = (assigned) => beside.assignSocket(assigned);
    }
    return beside;
  }

  #sentBeside(beside: ServerResponse): void {
    showAsSent(this.request, this.response, beside, this.#inFront, this.#connection);
    // A stream of HTTP/2 ends with its response, and reports this to the request, too.
    if (this.#connection !== undefined) this.#release();
  }

  /** Ends a run that was at work when another response was sent beside its own. */
  leave(): void {
    this.#leaveSocket();
    this.#release();
  }

  #release(): void {
    if (this.#held !== undefined) releaseConnection(this.#held.connection);
    this.#held = undefined;
  }

  /** Sends a response that is attached, as Node wrote it. */
  sendAsWritten(write: (send: (data: string | Uint8Array, encoding: BufferEncoding) => void) => void): void {
    const { response } = this;
    const fields = this.#fields;
    if (this.#methodsInFront !== noMethods) Object.assign(response, this.#methodsInFront);
    const connection = fields.socket;
    connection?.cork();
    let queued: [data: string | Uint8Array, encoding: BufferEncoding] | undefined;
    write((data, encoding) => {
      if (queued !== undefined) fields._writeRaw(...queued, null);
      queued = [data, encoding];
    });
    fields._writeRaw(...queued!, (error) => {
      if (error) return;
      // Late writes were dropped until now. From here on, Node ends the response.
      fields.destroyed = false;
      response.emit("finish");
    });
    connection?.uncork();
  }

  /** Makes an attached response one to which nothing was written, with the methods that it had in front. */
  renew(): void {
    takeMethods(this.response);
    if (this.#connection !== undefined) this.#renew();
    Object.assign(this.response, this.#methodsInFront);
  }

  #renew(): void {
    const { response, request } = this;
    const fields = this.#fields;
    if (fields.outputSize > 0) fields._onPendingData(-fields.outputSize);
    const unwritten = this.#connection === undefined ? unconnectedFields(request.method) : unwrittenFields(request);
    for (const [name, value] of unwritten) Reflect.set(response, name, value);
    response.shouldKeepAlive = this.#shouldKeepAlive;
    fields._last = this.#pending?._last ?? false;
    response.statusMessage = undefined as never;
    setStart(response, this.#start);
  }

  #convert(): void {
    this.#converted = new ConvertedResponse(this.response, this.request.method);
    setStart(this.response, this.#start);
  }

  #leaveSocket(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.release();
    const state = this.#connection && this.#held?.state;
    if (state !== undefined && !socket.destroyed) state.idleSocket = socket;
  }

  #hold(): void {
    const { request } = this;
    const isHttp2 = request.httpVersionMajor >= 2;
    const connection = isHttp2
      ? (request as unknown as { stream?: ServerConnection }).stream
      : (request.socket as ServerConnection | undefined);
    if (typeof connection?.emit !== "function") return;
    this.#held = { connection, state: holdConnection(connection, isHttp2) };
  }

  /** The handler has ended its response. */
  readonly #finish = (): void => {
    const { response } = this;
    if (!response.writableEnded) return;
    response.removeAllListeners("finish");
    if (!this.#isReplaced) this.#inFront.returnFinish();
    if (this.#socket !== undefined) this.#socket._httpMessage = null;
    this.#fields.socket = null;
    process.nextTick(this.#close);
    this.#finished?.();
  };

  /** As Node does in the tick behind "finish". */
  readonly #close = (): void => {
    const { response } = this;
    const fields = this.#fields;
    fields.destroyed = true;
    if (fields._closed) return;
    fields._closed = true;
    const listeners = response.rawListeners("close") as (() => void)[];
    response.emit("close");
    for (const listener of listeners) response.off("close", listener);
    if (!this.#isReplaced) this.#inFront.returnClose();
  };

  /** The handler, or something that it called, has closed its socket. */
  closeResponse(): void {
    this.#close();
  }
}

type Listener = (...args: unknown[]) => void;

/**
 * The listeners to the end of a response that Node's server and middleware in front have registered. They are set aside
 * while the handler runs, which sees the response end when it wrote it: these see it when it went out.
 */
export class ListenersInFront {
  readonly #response: ServerResponse;
  #finish: Listener[] = [];
  #close: Listener[] = [];

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  setAside(): void {
    const response = this.#response;
    this.#finish = response.rawListeners("finish") as Listener[];
    this.#close = response.rawListeners("close") as Listener[];
    response.removeAllListeners("finish");
    if (this.#close.length > 0) response.removeAllListeners("close");
  }

  returnFinish(): void {
    for (const listener of this.#finish.splice(0)) this.#response.on("finish", listener);
  }

  returnClose(): void {
    for (const listener of this.#close.splice(0)) this.#response.on("close", listener);
  }

  /** Calls them, for a response that went out in the place of this one. */
  callFinish(): void {
    for (const listener of this.#finish.splice(0)) listener.call(this.#response);
  }

  readonly callClose = (): void => {
    for (const listener of this.#close.splice(0)) listener.call(this.#response);
  };
}

/**
 * `writeHead` in the place of one of middleware in front that sets each header by itself, as `on-headers` does: a handler may
 * pass pairs to that one, which Node refuses beside headers that are set.
 */
function writeHeadOfPairs(this: ServerResponse, ...args: unknown[]): ServerResponse {
  const flat = args.map((argument) =>
    Array.isArray(argument) && Array.isArray(argument[0]) ? argument.flat() : argument,
  );
  return http.ServerResponse.prototype.writeHead.apply(this, flat as never);
}

/** The methods by which a response is made and sent. Middleware replaces them to see or change what goes out. */
export const sending = [
  "writeHead",
  "flushHeaders",
  "write",
  "end",
  "addTrailers",
  "setHeader",
  "setHeaders",
  "appendHeader",
  "removeHeader",
] as const;

/** The methods of Node's server, which gives a response its connection. */
const ofServer: ReadonlySet<string> = new Set(["constructor", "assignSocket", "detachSocket"]);

/**
 * All methods of a response, but for those by which one listens: OpenTelemetry replaces these to keep its context. Middleware
 * replaces a method by one that calls the old one. It belongs to one side: one in front must not change what the handler writes
 * before that is stored, and one behind not what is sent. On HTTP/2 the old one is of another class, too.
 */
const replaceable: readonly string[] = ["emit", ...methodsOf(http.ServerResponse.prototype)];

function methodsOf(prototype: object): string[] {
  const names: string[] = [];
  for (let level = prototype; level !== Stream.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === "function" && !name.startsWith("_") && !ofServer.has(name)) names.push(name);
    }
  }
  return names;
}

export const noMethods: Record<string, unknown> = Object.freeze({});

/** Takes off what replaces methods of the response. */
export function takeMethods(response: ServerResponse): Record<string, unknown> {
  let methods = noMethods;
  for (const name of replaceable) {
    if (!Object.hasOwn(response, name)) continue;
    if (methods === noMethods) methods = {};
    methods[name] = Reflect.get(response, name);
    Reflect.deleteProperty(response, name);
  }
  return methods;
}

/** A second response of HTTP/1.1 to a request, as Node's server would have made it. */
export function http1Beside(request: IncomingMessage, response: ServerResponse): ServerResponse {
  const beside = new http.ServerResponse(request);
  for (const name of besideFields) Reflect.set(beside, name, Reflect.get(response, name));
  return beside;
}

/**
 * Calls the listeners in front when a response was sent beside the handler's. While they run, the handler's response looks
 * like that one: Node's server goes on with the connection, and a log reads the status that went out. Afterwards the handler
 * finds its response as it was.
 *
 * @param connection `undefined` for HTTP/2.
 */
export function showAsSent(
  request: IncomingMessage,
  response: ServerResponse,
  beside: ServerResponse,
  inFront: ListenersInFront,
  connection: ServerConnection | undefined,
): void {
  const [fields, besideFields] = [fieldsOf(response), fieldsOf(beside)];
  const { _header, _last, _closed } = fields;
  const { statusCode } = response;
  const { socket } = request;
  fields._header = besideFields._header;
  response.statusCode = beside.statusCode;
  // Node's server emits "close" in the next tick, unless that was emitted.
  fields._closed = true;
  if (connection !== undefined) {
    fields._last = besideFields._last;
    request.socket = connection;
    response.detachSocket = (detached) => beside.detachSocket(detached);
  }
  inFront.callFinish();
  if (connection !== undefined) {
    Reflect.deleteProperty(response, "detachSocket");
    request.socket = socket;
    fields._last = _last;
  }
  response.statusCode = statusCode;
  fields._header = _header;
  process.nextTick(() => {
    fields._closed = _closed;
    inFront.callClose();
  });
}

/** A response as middleware in front left it. */
export interface ResponseStart {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders | undefined;
}

/** Sets status and headers on a response to which nothing was written. */
export function setStart(response: ServerResponse, { status, headers }: ResponseStart): void {
  response.statusCode = status;
  for (const name in headers) {
    const value = headers[name]!;
    response.setHeader(name, Array.isArray(value) ? [...value] : value);
  }
}

/** Stands on the caller's connection while the response is detached: Node's server sees a response that is not ended. */
export class PendingResponse {
  finished = false;
  destroyed = false;
  _headerSent = false;
  _closed = false;
  _last = false;
  socket: unknown = null;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  emit(event: string, ...args: unknown[]): boolean {
    return this.#response.emit(event, ...args);
  }

  _flush(): void {
    // Nothing is written yet.
  }
}

/** The connection of Node's server for HTTP/1.1 that carries both; `undefined` for HTTP/2 and for what an adapter made up. */
export function serverConnectionOf(request: IncomingMessage, response: ServerResponse): ServerConnection | undefined {
  if (request.httpVersionMajor >= 2 || !(request instanceof http.IncomingMessage)) return undefined;
  if (!(response instanceof http.ServerResponse) || !(request.socket instanceof Duplex)) return undefined;
  return response.socket === request.socket || response.socket === null ? request.socket : undefined;
}

/** The stand-in for the connection of a request that has none of HTTP/1.1. */
export function connectionLike({ socket }: IncomingMessage): ServerConnection {
  return (typeof socket === "object" && socket !== null ? socket : {}) as ServerConnection;
}
