import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { whenClosed } from "./when-closed.ts";

/** How many requests of one connection may wait for their responses. Beyond it the connection is closed. */
export const pipelinedMax = 32;

/** Statuses for what Node's parser refuses, by the code of its error; 400 for all else. */
const refusalStatuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * The connections of callers. Requests of one connection are served one after another, in the order in which they came
 * (RFC 9112, section 9.3.2, allows more only for safe methods), so a later one never overtakes, and what waits is heads.
 */
export class CallerConnections {
  readonly #connections = new WeakMap<Socket, CallerConnection>();

  /** Takes a connection, from its first moment: an error that no listener takes ends the process. */
  add(socket: Socket): void {
    this.#connections.set(socket, new CallerConnection(socket));
    socket.on("error", () => undefined);
  }

  /** Serves a request when those before it on its connection have their responses; never, when they ended it. */
  serve(request: IncomingMessage, response: ServerResponse, serve: () => void): void {
    this.#connections.get(request.socket)?.serve({ request, response, serve });
  }

  /** Whether a request of the connection has no whole response yet. */
  isBusy(socket: Socket): boolean {
    return this.#connections.get(socket)?.isBusy ?? false;
  }

  /** Refuses what Node's parser could not read, or did not get in time. */
  refuse(socket: Socket, error: NodeJS.ErrnoException): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) socket.destroy();
    else connection.refuse(error);
  }
}

/** A request that has no whole response yet. */
interface Unanswered {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly serve: () => void;
}

class CallerConnection {
  readonly #socket: Socket;
  /** In their order; the first one is being served. */
  readonly #unanswered: Unanswered[] = [];
  /** The one that came last, answered or not. */
  #last: Unanswered | undefined;
  #isRefused = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isBusy(): boolean {
    return this.#unanswered.length > 0;
  }

  serve(one: Unanswered): void {
    if (this.#isRefused || !this.#socket.writable) return;
    if (this.#unanswered.length >= pipelinedMax) return void this.#socket.destroy();
    this.#unanswered.push(one);
    this.#last = one;
    whenClosed(one.response, () => this.#remove(one));
    if (this.#unanswered.length === 1) one.serve();
  }

  #remove(one: Unanswered): void {
    const at = this.#unanswered.indexOf(one);
    if (at < 0) return;
    this.#unanswered.splice(at, 1);
    // After a response that is the connection's last one, nothing can be written.
    if (at > 0 || !this.#socket.writable) return;
    if (this.#unanswered.length > 0) this.#unanswered[0]!.serve();
    else if (this.#isRefused) endConnection(this.#socket);
  }

  refuse({ code = "" }: NodeJS.ErrnoException): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    const socket = this.#socket;
    if (!socket.writable) return void socket.destroy();
    // The error is in the body of the last request, or behind it.
    const broken = this.#last?.request.complete === false ? this.#last : undefined;
    const owed = this.#unanswered.filter((one) => one !== broken);
    // Earlier requests may have had an effect: each gets its own response, and this one a closed connection.
    if (owed.length > 0) {
      if (broken !== undefined) this.#remove(broken);
      return;
    }
    // A response has begun, or was sent before all of the body was there: another one would be that of no request.
    if (broken?.response.headersSent) return void socket.destroy();
    const status = refusalStatuses[code] ?? 400;
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    endConnection(socket);
  }
}

/** How long a caller has to read the last response of a connection, milliseconds. */
const lingerMs = 5000;

/** Ends a connection when what was written to it is sent. */
export function endConnection(socket: Socket): void {
  socket.destroySoon();
  if (!socket.destroyed) socket.setTimeout(lingerMs, () => socket.destroy());
}
