import { IncomingMessage } from "node:http";
import process from "node:process";
import { Readable } from "node:stream";
import { OnceAgainError } from "once-again";
import { NoEffectError } from "once-again/engine";
import { ByteCollector } from "once-again/http";
import { ChunkJoiner } from "./chunk-joiner.ts";
import { type TinyChunkPace, tinyChunkPace } from "./tiny-chunk-pace.ts";
import { countBytes } from "./count-bytes.ts";
import type { Shares } from "./shares.ts";

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
  readonly #memory: Shares;
  /** The owner of the memory that it takes. */
  #owner = "";
  #whole: Buffer<ArrayBuffer> | undefined;
  /** Measures a body that did not come with its head. */
  #pace: TinyChunkPace | undefined;
  /** Chunks that wait for their reader. */
  #waiting: ByteCollector | undefined;
  #reader: Reader | undefined;
  #ended: (() => void) | undefined;
  #takenBytes = 0;
  #receivedBytes = 0;
  /** Whether the gateway held the caller back since its pace was last looked at. */
  #wasHeldBack = false;
  #isStarted = false;
  #hasEnded = false;
  #isFull = false;
  #isPaced = false;
  #isHeldBack = false;

  /** @param request one with a body, of which the parser has not handed over anything yet. */
  constructor(request: IncomingMessage, memory: Shares) {
    this.#request = request;
    this.#memory = memory;
    // The parser hands over what came with the head when it has announced the request. Chunks are read as it does: as objects
    // of a stream that waits they would take hundreds of bytes each.
    if (request.headers["transfer-encoding"] === undefined) process.nextTick(startReading, this);
    else this.start();
  }

  /** The body, where all of it came with the head: it goes on in one piece, which costs less than a stream. */
  get whole(): Buffer<ArrayBuffer> | undefined {
    return this.#whole;
  }

  /**
   * Reads the body to its end.
   *
   * @throws OnceAgainError `ONCE_BODY_TOO_LARGE` as soon as it is larger than `bytesMax`; `ONCE_NO_EFFECT` when the bodies of this
   * process take all the memory that they, or those of this owner, may; Error when the caller leaves.
   */
  collect(bytesMax: number, owner: string): Promise<Buffer<ArrayBuffer>> {
    this.#owner = owner;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>();
    const refuse = (error: Error): boolean => {
      reject(error);
      this.discard();
      return true;
    };
    this.start();
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
    this.start();
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

  /**
   * Closes the connection of a caller that sends less than so much while it is waited for. Sending nothing at all is silence,
   * which has its own bound.
   *
   * @param bytesPerSecond on average over each window; 0: no bound.
   */
  requireRate(bytesPerSecond: number, windowMs: number): void {
    const request = this.#request;
    if (bytesPerSecond === 0 || this.#whole !== undefined || this.#hasEnded) return;
    const { socket } = request;
    const bytesMin = (bytesPerSecond * windowMs) / 1000;
    let before = this.#receivedBytes;
    const timer = setInterval(() => {
      const bytes = this.#receivedBytes - before;
      const isWaitedFor = !(this.#hasEnded || this.#wasHeldBack);
      before = this.#receivedBytes;
      this.#wasHeldBack = this.#isHeldBack;
      if (isWaitedFor && bytes > 0 && bytes < bytesMin) socket.destroy();
    }, windowMs);
    const end = (): void => {
      clearInterval(timer);
      socket.off("close", end);
    };
    request.once("end", end).once("close", end);
    socket.once("close", end);
  }

  /** Drops what arrives from now on, so that the caller, who may send it all before it reads, gets its response. */
  discard(): void {
    this.#waiting = undefined;
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
    this.#memory.giveBack(this.#owner, this.#takenBytes);
    this.#takenBytes = 0;
  }

  #take(bytes: number): boolean {
    if (!this.#memory.take(this.#owner, bytes)) return false;
    this.#takenBytes += bytes;
    return true;
  }

  /** @internal */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const request = this.#request;
    this.#whole = arrivedBody(request);
    if (this.#whole !== undefined) return;
    // A stream asks for more as soon as it has handed over what it had, and would read a connection that is held back.
    request[read] = (size) => {
      if (!this.#isHeldBack) IncomingMessage.prototype[read].call(request, size);
    };
    const joiner = new ChunkJoiner((chunk) => this.#receive(chunk));
    const pace = tinyChunkPace((isHeldBack) => {
      this.#isPaced = isHeldBack;
      this.#holdBack();
    });
    this.#pace = pace;
    request.on("data", (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
      pace.count(chunk);
      joiner.add(chunk);
    });
    // From its first read on, a stream hands over what it is given at once.
    request.read(0);
    request.once("end", () => {
      joiner.flush();
      this.#hasEnded = true;
      pace.end();
      this.#holdBack();
      this.#ended?.();
    });
    request.once("close", () => pace.end());
  }

  #read(reader: Reader, ended: () => void): void {
    this.#reader = reader;
    this.#ended = ended;
    const waiting = this.#waiting?.bytes;
    this.#waiting = undefined;
    this.#isFull = waiting !== undefined && !reader(waiting);
    this.#holdBack();
    if (this.#hasEnded) this.#ended?.();
  }

  #receive(chunk: Uint8Array): void {
    this.#pace?.check();
    if (this.#reader !== undefined) return this.#setFull(!this.#reader(chunk));
    this.#waiting ??= new ByteCollector(Number.MAX_SAFE_INTEGER);
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
    this.#wasHeldBack ||= isHeldBack;
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

const startReading = (body: RequestBody): void => body.start();

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
