import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import { ConvertedResponse } from "./converted-response.ts";
import { type HeldConnection, holdConnection, releaseConnection } from "./connection-hold.ts";
import { DetachedSocket, type SocketOwner } from "./detached-socket.ts";
import {
  fieldsOf,
  type ResponseFields,
  type ServerConnection,
  unconnectedFields,
  unwrittenFields,
} from "./node-private.ts";
import { connectionLike, PendingResponse, serverConnectionOf } from "./server-connection.ts";

type Listener = (...args: unknown[]) => void;

/** The methods by which a response is written. Middleware replaces them to see what goes out. */
const writing = ["writeHead", "flushHeaders", "write", "end", "addTrailers"] as const;
const replaceable = [...writing, "destroy", "emit"] as const;

/** Where a response stands: a fresh one has this status. */
interface ResponseStart {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders | undefined;
}

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
  /** The connection of Node's server; `undefined` where there is none that takes HTTP/1.1. */
  readonly #connection: ServerConnection | undefined;
  readonly #shouldKeepAlive: boolean;
  readonly #pending: PendingResponse | undefined;
  /** Methods that middleware in front has put on the response. */
  readonly #methodsInFront: Record<string, unknown>;
  #held: { connection: Parameters<typeof releaseConnection>[0]; state: HeldConnection } | undefined;
  #finishInFront: Listener[] = [];
  #closeInFront: Listener[] = [];
  #converted: ConvertedResponse | undefined;
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
    this.#pending = this.#connection && new PendingResponse(response);
    this.#methodsInFront = takeMethods(response);
    this.#hold();
  }

  /** Whether the response can go out as Node wrote it: nothing in front wants to see it written. */
  get canSendAsWritten(): boolean {
    return this.#connection !== undefined && !writing.some((name) => name in this.#methodsInFront);
  }

  /** Begins a run of the handler, with the response as it was at first. */
  begin(owner: SocketOwner, finished: () => void): void {
    const isAgain = this.#owner !== undefined;
    if (isAgain) this.#reset();
    else if (this.#connection === undefined) this.#convert();
    else if (this.response.destroyed) this.#renew();
    this.#owner = owner;
    this.#finished = finished;
    this.#setListenersAside();
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
      ServerResponse.prototype.assignSocket.call(pending as never, connection);
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
    this.#returnListeners();
    if (connection === undefined) {
      this.#converted?.restore();
    } else {
      request.socket = connection;
      (request as { client?: unknown }).client = connection;
      if (this.#isWaiting) Reflect.deleteProperty(response, "assignSocket");
      fields._last ||= this.#pending!._last;
      fields._closed = false;
      const hasTurn = this.#hasTurn;
      fields.socket = hasTurn ? connection : null;
      if (hasTurn) connection._httpMessage = response;
    }
    if (this.#held !== undefined) releaseConnection(this.#held.connection);
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
    this.#setStart();
  }

  #setStart(): void {
    const { response } = this;
    const { status, headers } = this.#start;
    response.statusCode = status;
    response.statusMessage = undefined as never;
    for (const name in headers) {
      const value = headers[name]!;
      response.setHeader(name, Array.isArray(value) ? [...value] : value);
    }
  }

  #convert(): void {
    this.#converted = new ConvertedResponse(this.response, this.request.method);
    this.#setStart();
  }

  #leaveSocket(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.release();
    if (this.#connection !== undefined && !socket.destroyed) this.#held!.state.idleSocket = socket;
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

  /** Middleware in front sees the end of the response when it went out, and handlers see it when they wrote it. */
  #setListenersAside(): void {
    const { response } = this;
    this.#finishInFront = response.rawListeners("finish") as Listener[];
    this.#closeInFront = response.rawListeners("close") as Listener[];
    response.removeAllListeners("finish");
    if (this.#closeInFront.length > 0) response.removeAllListeners("close");
    response.on("finish", this.#finish);
  }

  #returnListeners(): void {
    this.response.off("finish", this.#finish);
    for (const listener of this.#finishInFront.splice(0)) this.response.on("finish", listener);
    for (const listener of this.#closeInFront.splice(0)) this.response.on("close", listener);
  }

  /** The handler has ended its response. */
  readonly #finish = (): void => {
    const { response } = this;
    if (!response.writableEnded) return;
    response.removeAllListeners("finish");
    for (const listener of this.#finishInFront.splice(0)) response.on("finish", listener);
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
    const listeners = response.rawListeners("close") as Listener[];
    response.emit("close");
    for (const listener of listeners) response.off("close", listener);
    for (const listener of this.#closeInFront.splice(0)) response.on("close", listener);
  };

  /** The handler, or somebody for it, has closed its socket. */
  closeResponse(): void {
    this.#close();
  }
}

const noMethods: Record<string, unknown> = Object.freeze({});

/** Takes off what replaces methods of the response. */
function takeMethods(response: ServerResponse): Record<string, unknown> {
  let taken = noMethods;
  for (const name of replaceable) {
    if (!Object.hasOwn(response, name)) continue;
    if (taken === noMethods) taken = {};
    taken[name] = response[name];
    Reflect.deleteProperty(response, name);
  }
  return taken;
}
