import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

/** How much of each direction waits within a connection, bytes. */
const waitingBytesMax = 16_384;

/**
 * One end of a connection within this process, over which one stream of HTTP/2 is served as HTTP/1.1. It has what Node's
 * HTTP and the gateway use of a socket; its addresses are those of the connection that the stream came over.
 */
export class LocalConnection extends Duplex {
  /** The version that the caller speaks, as `Via` and telemetry name it. */
  readonly callerVersion = "2";
  readonly encrypted: boolean;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** Bytes of HTTP/1.1, which are more than those of the same message in HTTP/2. */
  bytesWritten = 0;
  #other!: LocalConnection;
  /** Continues the other end's write when this end was read. */
  #continue: (() => void) | undefined;
  #silence: NodeJS.Timeout | undefined;

  private constructor(carrier: Socket) {
    super({ readableHighWaterMark: waitingBytesMax, writableHighWaterMark: waitingBytesMax });
    ({
      remoteAddress: this.remoteAddress,
      remotePort: this.remotePort,
      localAddress: this.localAddress,
      localPort: this.localPort,
    } = carrier);
    this.encrypted = (carrier as Partial<TLSSocket>).encrypted === true;
  }

  /** @param carrier the connection that the stream came over. */
  static pair(carrier: Socket): [LocalConnection, LocalConnection] {
    const [one, other] = [new LocalConnection(carrier), new LocalConnection(carrier)];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  /** As that of a socket: "timeout" is emitted after so much silence in both directions; 0 ends that. */
  setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#silence);
    this.#silence = ms > 0 && !this.destroyed ? setTimeout(() => this.emit("timeout"), ms).unref() : undefined;
    if (listener !== undefined) this.once("timeout", listener);
    return this;
  }

  /** As that of a socket: what was written goes out first. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  override _read(): void {
    this.#takeMore();
  }

  #takeMore(): void {
    const next = this.#continue;
    this.#continue = undefined;
    next?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const other = this.#other;
    // The other end has gone: its request is answered, or its caller has left.
    if (other.destroyed) return done();
    this.bytesWritten += chunk.length;
    this.#silence?.refresh();
    other.#silence?.refresh();
    if (other.push(chunk)) return done();
    other.#continue = () => {
      this.#silence?.refresh();
      done();
    };
  }

  override _final(done: () => void): void {
    if (!this.#other.destroyed) this.#other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#silence);
    const other = this.#other;
    // A write that waits for this end would wait for ever. An end that got all of it may read on.
    if (!this.writableFinished && !other.destroyed) other.destroy();
    this.#takeMore();
    done(error);
  }
}

/** The version of HTTP that the caller of a request speaks. */
export function callerVersion({ socket, httpVersion }: IncomingMessage): string {
  const connection: Duplex = socket;
  return connection instanceof LocalConnection ? connection.callerVersion : httpVersion;
}
