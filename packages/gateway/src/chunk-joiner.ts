import process from "node:process";
import { ByteCollector } from "once-again/http";

/** A chunk of at least this length is passed on as it is, bytes. */
const largeChunk = 4096;

/**
 * Passes chunks on in their order: large ones as they come, small ones of one event-loop turn together. Each chunk costs
 * hundreds of bytes and microseconds wherever it is stored or written, so a body in chunks of one byte would cost
 * hundreds of times its length.
 */
export class ChunkJoiner {
  readonly #sink: (chunk: Uint8Array) => void;
  /** The only chunk so far: most turns bring one, which needs no copy. */
  #first: Uint8Array | undefined;
  #joined: ByteCollector | undefined;
  #isScheduled = false;

  constructor(sink: (chunk: Uint8Array) => void) {
    this.#sink = sink;
  }

  add(chunk: Uint8Array): void {
    if (this.#first === undefined && chunk.length >= largeChunk) return this.#sink(chunk);
    if (this.#first === undefined) this.#first = chunk;
    else {
      if (this.#joined === undefined) {
        this.#joined = new ByteCollector(Number.MAX_SAFE_INTEGER);
        this.#joined.add(this.#first);
      }
      this.#joined.add(chunk);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(flush, this);
  }

  /** Passes on what is waiting. */
  flush(): void {
    const chunk = this.take();
    if (chunk !== undefined) this.#sink(chunk);
  }

  /** Returns what is waiting, in place of passing it on. */
  take(): Uint8Array | undefined {
    this.#isScheduled = false;
    const chunk = this.#joined?.bytes ?? this.#first;
    this.#first = undefined;
    this.#joined = undefined;
    return chunk;
  }
}

const flush = (joiner: ChunkJoiner): void => joiner.flush();
