import { ByteCollector } from "../core/byte-collector.ts";

type Callback = (error?: Error | null) => void;

/** What is given to `write` and `end`, in all their forms. */
export class BodyBuffer {
  readonly #bytes: ByteCollector;

  constructor(bytesMax: number) {
    this.#bytes = new ByteCollector(bytesMax);
  }

  write(args: readonly unknown[]): void {
    const [chunk, encoding] = args;
    if (chunk !== null && chunk !== undefined && typeof chunk !== "function") {
      const coding = typeof encoding === "string" ? (encoding as BufferEncoding) : undefined;
      this.#bytes.add(typeof chunk === "string" ? Buffer.from(chunk, coding) : (chunk as Uint8Array));
    }
    const callback = args.find((argument): argument is Callback => typeof argument === "function");
    if (callback !== undefined) queueMicrotask(callback);
  }

  /** `undefined` when more was written than may be kept. */
  get body(): Uint8Array | undefined {
    return this.#bytes.bytes;
  }
}
