import { IncomingMessage, ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import type { ServerConnection } from "./node-private.ts";

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
  if (request.httpVersionMajor >= 2 || !(request instanceof IncomingMessage)) return undefined;
  if (!(response instanceof ServerResponse) || !(request.socket instanceof Duplex)) return undefined;
  return response.socket === request.socket || response.socket === null ? request.socket : undefined;
}

/** What stands for the connection of a request that has none of HTTP/1.1. */
export function connectionLike({ socket }: IncomingMessage): ServerConnection {
  return (typeof socket === "object" && socket !== null ? socket : {}) as ServerConnection;
}
