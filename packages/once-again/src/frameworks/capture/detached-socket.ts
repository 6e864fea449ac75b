import type { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { ServerConnection, WriteCallback } from "./node-private.ts";

/** The operation that has its request and response on a detached socket. */
export interface SocketOwner {
  /** Takes what is written. @returns false when no more is taken: the socket is destroyed in the next turn. */
  take(data: string | Uint8Array, encoding: BufferEncoding): boolean;
  /** The socket was closed, by the handler or by whatever the handler calls. */
  closed(error: Error | undefined): void;
}

/**
 * A complete socket with no network behind it: what a handler does to it is Node's own behaviour, and nothing of it
 * reaches the caller. It lives as long as the operation, whatever the caller does, and is used again for the next request
 * of its connection. Addresses, TLS, and what others put on the connection are read from the connection.
 */
export class DetachedSocket extends Socket {
  /** The caller's connection. */
  readonly connection: ServerConnection;
  owner: SocketOwner | undefined;
  /** The response that writes to this socket, by the name under which Node's response looks for it. */
  _httpMessage: ServerResponse | null = null;
  #sharedCount = 0;

  constructor(connection: ServerConnection) {
    super({ allowHalfOpen: true });
    this.connection = connection;
    this.on("error", ignore);
    this.on("timeout", timedOut);
    this.on("finish", ended);
    this.on("close", closed);
  }

  /** Begins with a request. */
  open(owner: SocketOwner, response: ServerResponse): void {
    this.owner = owner;
    this._httpMessage = response;
    this.#shareProperties();
  }

  /** Ends with a request. What is written late is dropped. */
  release(): void {
    this.owner = undefined;
    this._httpMessage = null;
    if (this.timeout) this.setTimeout(0);
  }

  /**
   * A writer never waits: all that is taken is in memory at once. It returns false only when no more is taken. A writer
   * that waits must be woken by an event of its response, and middleware in front may have taken the listeners to itself.
   */
  override write(data: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean {
    const { owner } = this;
    const writeCallback = (typeof encoding === "function" ? encoding : callback) as WriteCallback | undefined;
    const coding = (typeof encoding === "string" ? encoding : "utf8") as BufferEncoding;
    if (owner === undefined || this.writableEnded) return super.write(data, coding, writeCallback);
    const isTaken = owner.take(data, coding);
    if (this.timeout) this.setTimeout(this.timeout);
    // A writer that does not wait, but for this, must not write on before the socket is destroyed.
    if (typeof writeCallback === "function") {
      if (isTaken) process.nextTick(writeCallback, null);
      else setImmediate(writeCallback, null);
    }
    return isTaken;
  }

  override end(...args: unknown[]): this {
    const [data, encoding] = args;
    if (typeof data === "string" || data instanceof Uint8Array) this.write(data, encoding);
    super.end(args.find((argument) => typeof argument === "function") as () => void);
    return this;
  }

  override cork(): void {
    // Written data is taken at once.
  }

  override uncork(): void {
    // As for `cork`.
  }

  /** Node's request calls this to read the rest of its body, which the connection brings. */
  override resume(): this {
    this.connection.resume?.();
    return super.resume();
  }

  override _read(): void {
    // The caller's bytes are the request's body.
  }

  override _write(_data: unknown, _encoding: unknown, done: WriteCallback): void {
    done();
  }

  override _final(done: WriteCallback): void {
    done();
  }

  override ref(): this {
    return this;
  }

  override unref(): this {
    return this;
  }

  /** The properties of a socket's subclass (such as a TLS socket's certificate), and those that others put on the connection. */
  #shareProperties(): void {
    const { connection } = this;
    const count = Object.keys(connection).length;
    if (count === this.#sharedCount) return;
    if (this.#sharedCount === 0) {
      for (let level: object = connection; !isSocketPrototype(level); level = Object.getPrototypeOf(level) as object) {
        if (level !== connection) for (const name of Reflect.ownKeys(level)) shareProperty(this, name, true);
      }
    }
    this.#sharedCount = count;
    for (const name of Reflect.ownKeys(connection)) shareProperty(this, name, false);
  }
}

function isSocketPrototype(level: object | null): boolean {
  return level === null || level === Socket.prototype || level === Object.prototype;
}

/** How many names have functions for all sockets: a library may put another name on each connection. */
const sharedMax = 1000;

function shareProperty(socket: DetachedSocket, name: string | symbol, isInherited: boolean): void {
  if (name in socket || name === holdKey) return;
  const properties = isInherited ? inheritedProperties : ownProperties;
  let property = properties.get(name);
  if (property === undefined) {
    property = sharedProperty(name, isInherited);
    if (properties.size < sharedMax) properties.set(name, property);
  }
  Object.defineProperty(socket, name, property);
}

/**
 * By name. All sockets get the same two functions: with functions of each socket, V8 turns every socket but the first into a
 * dictionary, which makes each write of a response slow.
 */
const inheritedProperties = new Map<string | symbol, PropertyDescriptor>();
/** The same for what others put on a connection. */
const ownProperties = new Map<string | symbol, PropertyDescriptor>();

/** A property of the caller's connection. Inherited methods are called on the connection. */
function sharedProperty(name: string | symbol, isInherited: boolean): PropertyDescriptor {
  return {
    get(this: DetachedSocket): unknown {
      const value: unknown = Reflect.get(this.connection, name);
      return isInherited && typeof value === "function" ? (value.bind(this.connection) as unknown) : value;
    },
    set(this: DetachedSocket, value: unknown): void {
      Reflect.set(this.connection, name, value);
    },
    configurable: true,
    enumerable: true,
  };
}

/** Facts of the caller's connection. */
const facts = [
  "remoteAddress",
  "remotePort",
  "remoteFamily",
  "localAddress",
  "localPort",
  "localFamily",
  "bytesRead",
] as const;

for (const name of facts) {
  Object.defineProperty(DetachedSocket.prototype, name, {
    get(this: DetachedSocket) {
      return this.connection[name];
    },
    configurable: true,
  });
}

/** Settings of the caller's connection. */
for (const name of ["setNoDelay", "setKeepAlive"] as const) {
  Object.defineProperty(DetachedSocket.prototype, name, {
    value(this: DetachedSocket, ...args: never[]) {
      this.connection[name]?.(...args);
      return this;
    },
    configurable: true,
    writable: true,
  });
}

Object.defineProperties(DetachedSocket.prototype, {
  address: {
    value(this: DetachedSocket) {
      return this.connection.address();
    },
    configurable: true,
    writable: true,
  },
  pending: { value: false, configurable: true },
  // Node's request looks here for the parser that reads for it: that one is the connection's.
  parser: { get: () => null, set: ignore, configurable: true },
  writableCorked: { value: 1, configurable: true },
});

function ignore(): void {
  // Nothing depends on it.
}

/** Both sides of a connection are closed when Node's server has ended it. */
function ended(this: DetachedSocket): void {
  this.destroy();
}

function closed(this: DetachedSocket): void {
  const { owner } = this;
  this.owner = undefined;
  owner?.closed(this.errored ?? undefined);
}

/** As Node's server does for its own: without a listener, the socket is destroyed. */
function timedOut(this: DetachedSocket): void {
  const { _httpMessage: response, connection } = this;
  const listened = [
    response?.req?.emit("timeout", this),
    response?.emit("timeout", this),
    connection.server?.emit("timeout", this),
  ];
  if (!listened.includes(true)) this.destroy();
}

/** Under this name, a connection carries its `HeldConnection`. */
export const holdKey = Symbol("held connection");

/** A connection carries a request: a socket, or a stream of HTTP/2. */
type Connection = EventEmitter & { [holdKey]?: HeldConnection };

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
  let own = connection[holdKey];
  if (own === undefined) {
    own = new HeldConnection((connection as { emit: Emit }).emit, isStream ? endingsOfStream : endingsOfSocket);
    connection[holdKey] = own;
    // One function for all requests of a connection. It stays.
    connection.emit = emit;
  }
  own.holds += 1;
  return own;
}

/** Releases a connection. What it held back is emitted in the next tick: a listener's error must not reach the caller of this. */
export function releaseConnection(connection: Connection): void {
  const own = connection[holdKey];
  if (own === undefined) return;
  own.holds -= 1;
  if (own.events.length > 0) process.nextTick(emitHeldBack, connection, own);
}

function emit(this: Connection, event: string | symbol, ...args: unknown[]): boolean {
  const own = this[holdKey]!;
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
