import { IncomingMessage } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import { OnceAgainError } from "once-again";
import { NoEffectError } from "once-again/engine";
import { ByteCollector } from "once-again/http";
import type { BodyMemory } from "./body-memory.ts";
import { ChunkJoiner } from "./chunk-joiner.ts";
import { tinyChunkPace } from "./tiny-chunk-pace.ts";
import { countBytes } from "./count-bytes.ts";

/** How much of a body waits for its reader before its connection is no longer read, bytes. */
const waitingBytesMax = 65_536;

/** The method that a stream calls when it has room for more. */
const read = "_read";

/** How long a caller may go on sending a body when it has its response, milliseconds. */
const lingerMs = 30_000;

/** Takes a chunk. @returns `false`: no more for now, until `RequestBody` is asked for more. */
type Reader = (chunk: Uint8Array) => boolean;

/**
 * The body of a request as it arrives. Whatever the size of its chunks, and whether anything reads it or not, it takes a
 * bounded amount of memory, and its connection alone waits.
 */
export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #memory: BodyMemory;
  readonly #joiner = new ChunkJoiner((chunk) => this.#receive(chunk));
  readonly #pace = tinyChunkPace((isHeldBack) => {
    this.#isPaced = isHeldBack;
    this.#holdBack();
  });
  #whole: Buffer<ArrayBuffer> | undefined;
  #waiting = new ByteCollector(Number.MAX_SAFE_INTEGER);
  #reader: Reader | undefined;
  #ended: (() => void) | undefined;
  #takenBytes = 0;
  #isStarted = false;
  #hasEnded = false;
  #isFull = false;
  #isPaced = false;
  #isHeldBack = false;

  /** @param request one with a body, of which the parser has not handed over anything yet. */
  constructor(request: IncomingMessage, memory: BodyMemory) {
    this.#request = request;
    this.#memory = memory;
    // The parser hands over what came with the head when it has announced the request. Chunks are read as it does: as objects
    // of a stream that waits they would take hundreds of bytes each.
    if (request.headers["transfer-encoding"] === undefined) process.nextTick(() => this.#start());
    else this.#start();
  }

  /** The body, where all of it came with the head: it goes on in one piece, which costs less than a stream. */
  get whole(): Buffer<ArrayBuffer> | undefined {
    return this.#whole;
  }

  /**
   * Reads the body to its end.
   *
   * @throws OnceAgainError `ONCE_BODY_TOO_LARGE` as soon as it is larger than `bytesMax`; `ONCE_NO_EFFECT` when the bodies of this
   * process take all the memory that they may; Error when the caller leaves.
   */
  collect(bytesMax: number): Promise<Buffer<ArrayBuffer>> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>();
    const refuse = (error: Error): boolean => {
      reject(error);
      this.discard();
      return true;
    };
    if (this.#whole !== undefined) {
      if (this.#take(this.#whole.length)) resolve(this.#whole);
      else reject(memoryError());
      return promise;
    }
    const collector = new ByteCollector(bytesMax);
    this.#read(
      (chunk) => {
        if (!collector.add(chunk)) return refuse(bodyTooLargeError(bytesMax));
        return this.#take(chunk.length) || refuse(memoryError());
      },
      () => {
        const { buffer, byteOffset, byteLength } = collector.bytes!;
        resolve(Buffer.from(buffer, byteOffset, byteLength));
      },
    );
    this.#onLeave(reject);
    return promise;
  }

  /**
   * The body as a stream, which can be given up without its connection: the rest is discarded then, and an upstream that
   * responds before it has read all is answered.
   */
  stream(): Readable {
    const stream = new Readable({
      highWaterMark: waitingBytesMax,
      read: () => this.#setFull(false),
      destroy: (error, done) => {
        this.discard();
        done(error);
      },
    });
    // undici listens to errors only while it reads the body.
    stream.on("error", () => undefined);
    this.#read(
      (chunk) => {
        countBytes(chunk);
        return stream.push(chunk);
      },
      () => stream.push(null),
    );
    this.#onLeave((error) => stream.destroy(error));
    return stream;
  }

  /** Drops what arrives from now on, so that the caller, who may send it all before it reads, gets its response. */
  discard(): void {
    this.#waiting = new ByteCollector(0);
    this.#reader = () => true;
    this.#ended = undefined;
    this.#setFull(false);
  }

  /** After the response: drops the rest, for a while. A caller who goes on sending loses the connection. */
  linger(): void {
    const request = this.#request;
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    this.discard();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    const end = (): void => {
      clearTimeout(timer);
      socket.off("close", end);
    };
    // Node does not close a request that has its response when its connection closes.
    request.once("close", end);
    socket.once("close", end);
  }

  /** Gives back the memory of what was collected. */
  [Symbol.dispose](): void {
    this.#memory.giveBack(this.#takenBytes);
    this.#takenBytes = 0;
  }

  #take(bytes: number): boolean {
    if (!this.#memory.take(bytes)) return false;
    this.#takenBytes += bytes;
    return true;
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const request = this.#request;
    this.#whole = arrivedBody(request);
    if (this.#whole !== undefined) return;
    // A stream asks for more as soon as it has handed over what it had, and would read a connection that is held back.
    request[read] = (size) => {
      if (!this.#isHeldBack) IncomingMessage.prototype[read].call(request, size);
    };
    request.on("data", (chunk: Buffer) => {
      this.#pace.count(chunk);
      this.#joiner.add(chunk);
    });
    // From its first read on, a stream hands over what it is given at once.
    request.read(0);
    request.once("end", () => {
      this.#joiner.flush();
      this.#hasEnded = true;
      this.#pace.end();
      this.#holdBack();
      this.#ended?.();
    });
    request.once("close", () => this.#pace.end());
  }

  #read(reader: Reader, ended: () => void): void {
    this.#start();
    this.#reader = reader;
    this.#ended = ended;
    const waiting = this.#waiting.bytes!;
    this.#waiting = new ByteCollector(0);
    this.#isFull = waiting.length > 0 && !reader(waiting);
    this.#holdBack();
    if (this.#hasEnded) this.#ended?.();
  }

  #receive(chunk: Uint8Array): void {
    this.#pace.check();
    if (this.#reader !== undefined) return this.#setFull(!this.#reader(chunk));
    this.#waiting.add(chunk);
    this.#setFull(this.#waiting.length >= waitingBytesMax);
  }

  #setFull(isFull: boolean): void {
    this.#isFull = isFull;
    this.#holdBack();
  }

  /** Stops reading the connection, or reads it again. What follows a body that has ended is not its business. */
  #holdBack(): void {
    const isHeldBack = !this.#hasEnded && (this.#isFull || this.#isPaced);
    if (isHeldBack === this.#isHeldBack) return;
    this.#isHeldBack = isHeldBack;
    if (isHeldBack) this.#request.socket.pause();
    else this.#request.socket.resume();
  }

  #onLeave(listener: (error: Error) => void): void {
    const leave = (): void => {
      if (!this.#request.complete) listener(new Error("The caller hung up."));
    };
    if (this.#request.destroyed) leave();
    else this.#request.once("close", leave);
  }
}

/** A body of which all has arrived, as one that came with its head. */
function arrivedBody(request: IncomingMessage): Buffer<ArrayBuffer> | undefined {
  if (request.readableLength !== Number(request.headers["content-length"])) return undefined;
  const body = request.read() as Buffer<ArrayBuffer> | null;
  request.resume();
  return body ?? undefined;
}

export function bodyTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_TOO_LARGE",
    `The request's body is larger than the ${bytesMax} bytes allowed here. Nothing was forwarded.`,
  );
}

const memoryError = (): NoEffectError =>
  new NoEffectError("The gateway holds as many request bodies as it may. Nothing was forwarded: send it again later.");
