import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";

const held = Symbol("held connection");

/** What carries a request: its socket, or its stream of HTTP/2. */
interface Connection extends EventEmitter {
  [held]?: HeldEvents;
  destroyed?: boolean;
}

/** What a connection tells of its end. The end of an HTTP/2 stream's input is that of the body, and no hang-up. */
const endingsOfSocket: ReadonlySet<string | symbol> = new Set(["end", "close", "error"]);
const endingsOfStream: ReadonlySet<string | symbol> = new Set(["aborted", "close", "error"]);

/** A response whose operation runs: it can fail, when its connection is destroyed on our side. */
export interface Holder {
  /** Is told that somebody here destroyed the connection, as frameworks do that can't finish an answer. */
  connectionDestroyed(): void;
}

interface HeldEvents {
  readonly emit: (this: Connection, event: string | symbol, ...args: unknown[]) => boolean;
  readonly endings: ReadonlySet<string | symbol>;
  readonly holders: Set<Holder>;
  events: [event: string | symbol, args: unknown[]][];
}

/**
 * Keeps back what a request's connection tells of its end, until each response that holds it has let it go. A caller
 * who hangs up would otherwise end all that listens: streams on their way into the response, the request's body, and
 * whatever a middleware in front has registered before we came.
 */
export function holdConnection(request: IncomingMessage, holder: Holder): void {
  const connection = connectionOf(request);
  if (connection === undefined) return;
  let own = connection[held];
  if (own === undefined) {
    const endings = isHttp2(request) ? endingsOfStream : endingsOfSocket;
    const { emit: ownEmit } = connection as Pick<HeldEvents, "emit">;
    own = { emit: ownEmit, endings, holders: new Set(), events: [] };
    connection[held] = own;
    // One function for all of them, and it stays: a connection serves many requests.
    connection.emit = emit;
  }
  own.holders.add(holder);
  if (!isHttp2(request)) request.socket = openSocket(request.socket);
}

/** Lets a connection go: what it had to tell is told now. */
export function releaseConnection(request: IncomingMessage, holder: Holder): void {
  if (!isHttp2(request)) request.socket = realSocket(request.socket);
  const connection = connectionOf(request);
  const own = connection?.[held];
  own?.holders.delete(holder);
  // In a turn of its own: a listener's fault is none of who sends the answer.
  if (own !== undefined && own.events.length > 0) process.nextTick(tellEvents, connection);
}

function emit(this: Connection, event: string | symbol, ...args: unknown[]): boolean {
  const own = this[held]!;
  if (own.holders.size === 0 || !own.endings.has(event)) return own.emit.call(this, event, ...args);
  own.events.push([event, args]);
  return true;
}

function tellEvents(connection: Connection): void {
  const own = connection[held]!;
  if (own.holders.size > 0) return;
  const { events } = own;
  own.events = [];
  for (const [event, args] of events) connection.emit(event, ...args);
}

function isHttp2(request: IncomingMessage): boolean {
  return request.httpVersionMajor >= 2;
}

/** `undefined` for a request that somebody made up, without a connection that tells of anything. */
function connectionOf(request: IncomingMessage): Connection | undefined {
  const connection = isHttp2(request)
    ? (request as unknown as { stream?: Connection }).stream
    : (realSocket(request.socket) as Connection | undefined);
  return typeof connection?.emit === "function" ? connection : undefined;
}

type Socket = IncomingMessage["socket"];

const openSockets = new WeakMap<Socket, Socket>();
const realSockets = new WeakMap<Socket, Socket>();

/**
 * A socket as handlers see it while an operation runs: it never shows that it was closed, and to destroy it is to fail
 * the answers that were begun on it. Not an object that inherits: V8 would give each prototype a shape of its own.
 */
function openSocket(socket: Socket): Socket {
  if (realSockets.has(socket)) return socket;
  const known = openSockets.get(socket);
  if (known !== undefined) return known;
  const destroy = (): Socket => {
    for (const holder of (socket as Connection)[held]?.holders ?? []) holder.connectionDestroyed();
    return open;
  };
  const open = new Proxy(socket, {
    get(target, property) {
      if (property === "destroy") return destroy;
      if (property === "writable") return true;
      return property !== "destroyed" && (Reflect.get(target, property) as unknown);
    },
  });
  openSockets.set(socket, open);
  realSockets.set(open, socket);
  return open;
}

function realSocket(socket: Socket): Socket {
  return (socket === undefined ? undefined : realSockets.get(socket)) ?? socket;
}
