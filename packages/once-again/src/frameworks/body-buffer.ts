import { joinBytes } from "../core/bytes.ts";

type Callback = (error?: Error | null) => void;

/** What is given to `write` and `end`, in all their forms. */
export class BodyBuffer {
  readonly #bytesMax: number;
  readonly #chunks: Uint8Array[] = [];
  /** Bytes in them, or more than may be kept. */
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  write(args: readonly unknown[]): void {
    const [chunk, encoding] = args;
    if (chunk !== null && chunk !== undefined && typeof chunk !== "function") {
      const coding = typeof encoding === "string" ? (encoding as BufferEncoding) : undefined;
      // The writer may use its buffer again.
      const bytes = typeof chunk === "string" ? Buffer.from(chunk, coding) : Buffer.from(chunk as Uint8Array);
      this.#length += bytes.length;
      if (this.#length > this.#bytesMax) this.#chunks.length = 0;
      else this.#chunks.push(bytes);
    }
    const callback = args.find((argument): argument is Callback => typeof argument === "function");
    if (callback !== undefined) queueMicrotask(callback);
  }

  /** `undefined` when more was written than may be kept. */
  get body(): Uint8Array | undefined {
    if (this.#length > this.#bytesMax) return undefined;
    const [whole] = this.#chunks.length === 1 ? this.#chunks : [];
    return whole ?? joinBytes(this.#chunks);
  }
}
