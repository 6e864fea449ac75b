import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";

/** Under this name, a connection carries its `HeldConnection`. */
export const held = Symbol("held connection");

/** A connection carries a request: a socket, or a stream of HTTP/2. */
type Connection = EventEmitter & { [held]?: HeldConnection };

/** How a connection reports its end. The end of an HTTP/2 stream's input is that of the body, and no hang-up. */
const endingsOfSocket: ReadonlySet<string | symbol> = new Set(["end", "close", "error"]);
const endingsOfStream: ReadonlySet<string | symbol> = new Set(["aborted", "close", "error"]);

type Emit = (this: Connection, event: string | symbol, ...args: unknown[]) => boolean;

/** The state of a connection that carried an operation. It stays with the connection. */
export class HeldConnection {
  /** A detached socket without a request: the connection's next request uses it again. */
  idleSocket: Socket | undefined;
  /** How many operations run for requests of this connection. */
  holds = 0;
  /** The events of its end that wait until no operation runs. */
  events: [event: string | symbol, args: unknown[]][] = [];
  readonly emit: Emit;
  readonly endings: ReadonlySet<string | symbol>;

  constructor(emit: Emit, endings: ReadonlySet<string | symbol>) {
    this.emit = emit;
    this.endings = endings;
  }
}

/**
 * Holds back the events by which a connection reports its end, until it is released as often as it was held. Without
 * this, a caller that hangs up ends everything that listens: the request's body, streams on their way into the response,
 * and whatever middleware in front has registered.
 */
export function holdConnection(connection: Connection, isStream = false): HeldConnection {
  let own = connection[held];
  if (own === undefined) {
    own = new HeldConnection((connection as { emit: Emit }).emit, isStream ? endingsOfStream : endingsOfSocket);
    connection[held] = own;
    // One function for all requests of a connection. It stays.
    connection.emit = emit;
  }
  own.holds += 1;
  return own;
}

/** Releases a connection. What it held back is emitted in the next tick: a listener's error must not reach the caller of this. */
export function releaseConnection(connection: Connection): void {
  const own = connection[held];
  if (own === undefined) return;
  own.holds -= 1;
  if (own.events.length > 0) process.nextTick(emitHeldBack, connection, own);
}

function emit(this: Connection, event: string | symbol, ...args: unknown[]): boolean {
  const own = this[held]!;
  const isEnding = own.endings.has(event);
  if (isEnding && own.holds > 0) {
    own.events.push([event, args]);
    return true;
  }
  if (isEnding && event === "close") own.idleSocket?.destroy();
  return own.emit.call(this, event, ...args);
}

function emitHeldBack(connection: Connection, own: HeldConnection): void {
  if (own.holds > 0) return;
  const { events } = own;
  own.events = [];
  for (const [event, args] of events) connection.emit(event, ...args);
}
