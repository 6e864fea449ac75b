import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";

const held = Symbol("held connection");

/** What carries a request: its socket, or its stream of HTTP/2. */
interface Connection extends EventEmitter {
  /** Also read through an open socket. */
  [held]?: HeldConnection;
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

interface HeldConnection {
  readonly connection: Connection;
  /** As handlers see it. */
  readonly open: Connection;
  readonly emit: (this: Connection, event: string | symbol, ...args: unknown[]) => boolean;
  readonly endings: ReadonlySet<string | symbol>;
  /** Hardly ever more than one. Not a set: its old tables would hold what was in them, as those of a `Map` do. */
  readonly holders: Holder[];
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
  const own = (connection[held] ??= takeConnection(connection, isHttp2(request)));
  own.holders.push(holder);
  if (!isHttp2(request)) request.socket = own.open as Socket;
}

/** One function for all requests of a connection, and it stays. */
function takeConnection(connection: Connection, isStream: boolean): HeldConnection {
  const { emit: ownEmit } = connection as Pick<HeldConnection, "emit">;
  connection.emit = emit;
  return {
    connection,
    open: isStream ? connection : openSocket(connection as Socket),
    emit: ownEmit,
    endings: isStream ? endingsOfStream : endingsOfSocket,
    holders: [],
    events: [],
  };
}

/** Lets a connection go: what it had to tell is told now. */
export function releaseConnection(request: IncomingMessage, holder: Holder): void {
  const own = connectionOf(request)?.[held];
  if (own === undefined) return;
  if (!isHttp2(request)) request.socket = own.connection as Socket;
  const at = own.holders.indexOf(holder);
  if (at >= 0) own.holders.splice(at, 1);
  // In a turn of its own: a listener's fault is none of who sends the answer.
  if (own.events.length > 0) process.nextTick(tellEvents, own.connection);
}

function emit(this: Connection, event: string | symbol, ...args: unknown[]): boolean {
  const own = this[held]!;
  if (own.holders.length === 0 || !own.endings.has(event)) return own.emit.call(this, event, ...args);
  own.events.push([event, args]);
  return true;
}

function tellEvents(connection: Connection): void {
  const own = connection[held]!;
  if (own.holders.length > 0) return;
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
    : (request.socket as Connection | undefined);
  return typeof connection?.emit === "function" ? connection : undefined;
}

type Socket = IncomingMessage["socket"];

/**
 * A socket as handlers see it while an operation runs: it never shows that it was closed, and to destroy it is to fail
 * the answers that were begun on it. Not an object that inherits: V8 would give each prototype a shape of its own.
 */
function openSocket(socket: Socket): Socket {
  const destroy = (): Socket => {
    for (const holder of [...((socket as Connection)[held]?.holders ?? [])]) holder.connectionDestroyed();
    return open;
  };
  const open = new Proxy(socket, {
    get(target, property) {
      if (property === "destroy") return destroy;
      if (property === "writable") return true;
      return property !== "destroyed" && (Reflect.get(target, property) as unknown);
    },
  });
  return open;
}
