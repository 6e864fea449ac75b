import { ByteCollector } from "../../core/byte-collector.ts";
import type { ResponseFields } from "./node-private.ts";

/** What Node writes next of a chunked body: each chunk is its size, a line end, the data, and a line end. */
type ChunkPart = "size" | "end of size" | "data" | "end of data" | "nothing";

/**
 * The bytes that a response of Node's wrote: its own head, which is not parsed again, and the body, of which a chunked one is
 * stored without its framing.
 */
export class RecordedResponse {
  /** Whether bytes came that the response did not write. */
  isForeign = false;
  readonly #fields: ResponseFields;
  readonly #bytes: ByteCollector;
  readonly #bytesMax: number;
  #headEncoding: BufferEncoding | undefined;
  /** A body that came in one text with the head, as most do. */
  #text: string | undefined;
  #part: ChunkPart = "size";
  #left = 0;
  #body: Uint8Array | undefined;

  constructor(fields: ResponseFields, bytesMax: number) {
    this.#fields = fields;
    this.#bytesMax = bytesMax;
    this.#bytes = new ByteCollector(bytesMax);
  }

  /** Adds what Node wrote after it made the head. */
  add(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (this.#headEncoding !== undefined) return this.#addBody(data, encoding);
    const head = this.#fields._header!;
    if (typeof data !== "string" || !data.startsWith(head)) {
      this.isForeign = true;
      return;
    }
    this.#headEncoding = encoding;
    const rest = data.slice(head.length);
    if (rest === "") return;
    if (this.#fields.chunkedEncoding) this.#addBody(rest, encoding);
    else this.#text = rest;
  }

  #addBody(data: string | Uint8Array, encoding: BufferEncoding): void {
    if (data.length === 0) return;
    if (this.#fields.chunkedEncoding) return this.#addChunkPart(data, encoding);
    if (this.#text !== undefined) this.#bytes.add(Buffer.from(this.#text, this.#headEncoding));
    this.#text = undefined;
    this.#bytes.add(bytesOf(data, encoding));
  }

  #addChunkPart(data: string | Uint8Array, encoding: BufferEncoding): void {
    switch (this.#part) {
      case "size":
        if (typeof data === "string" && data.startsWith("0\r\n")) this.#part = "nothing";
        else this.#beginChunk(typeof data === "string" ? Number.parseInt(data, 16) : Number.NaN);
        return;
      case "end of size":
      case "end of data":
        if (data.length !== 2) this.isForeign = true;
        this.#part = this.#part === "end of size" ? "data" : "size";
        return;
      case "data":
        this.#addData(bytesOf(data, encoding));
        return;
      case "nothing":
        this.isForeign = true;
    }
  }

  #beginChunk(size: number): void {
    if (!(size > 0)) this.isForeign = true;
    this.#left = size;
    this.#part = "end of size";
  }

  /** A chunk may come in several pieces: those that were written while the response was corked. */
  #addData(bytes: Uint8Array): void {
    this.#left -= bytes.length;
    if (this.#left < 0) this.isForeign = true;
    if (this.#left === 0) this.#part = "end of data";
    this.#bytes.add(bytes);
  }

  /** Whether more was written than may be stored. */
  get isTooLarge(): boolean {
    // A character is at least one byte in both encodings in which Node joins a head and a body.
    return this.#bytes.isTooLarge || (this.#text !== undefined && this.#text.length > this.#bytesMax);
  }

  /** Whether the body is complete, as its head has it, though the response was not ended. */
  get isWhole(): boolean {
    const { _header, _contentLength, chunkedEncoding } = this.#fields;
    if (_header === null || this.#headEncoding === undefined || this.isForeign) return false;
    return chunkedEncoding ? this.#part === "nothing" : _contentLength === this.body?.length;
  }

  /** The whole body; `undefined` when it is larger than may be stored. */
  get body(): Uint8Array | undefined {
    if (this.isTooLarge) return undefined;
    this.#body ??= this.#text === undefined ? this.#bytes.bytes! : Buffer.from(this.#text, this.#headEncoding);
    return this.#body.length > this.#bytesMax ? undefined : this.#body;
  }

  get status(): number {
    return Number(this.#fields._header!.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length));
  }

  /** Whether what Node wrote is a response as its head declares it. A wrong length would shift the next response. */
  get isConsistent(): boolean {
    const { _contentLength, _hasBody, chunkedEncoding } = this.#fields;
    return !_hasBody || chunkedEncoding || _contentLength === null || _contentLength === this.body?.length;
  }

  /**
   * The response as it goes out: as Node wrote it, but for more lines in its head, and with the data of all chunks in one.
   *
   * @param lines each with its line end.
   */
  send(lines: string, write: (data: string | Uint8Array, encoding: BufferEncoding) => void): void {
    const { _header, _hasBody, _trailer, chunkedEncoding } = this.#fields;
    const head = `${_header!.slice(0, -2)}${lines}\r\n`;
    if (this.#text !== undefined) return write(head + this.#text, this.#headEncoding!);
    const body = this.body!;
    if (!_hasBody || (!chunkedEncoding && body.length === 0)) return write(head, "latin1");
    if (!chunkedEncoding) return writeTogether(head, body, "", write);
    const end = `0\r\n${_trailer}\r\n`;
    if (body.length === 0) return write(head + end, "latin1");
    writeTogether(`${head}${body.length.toString(16)}\r\n`, body, `\r\n${end}`, write);
  }
}

/** Up to here, bytes are written together with what is around them: in Latin-1, each byte is a character. */
const togetherMax = 65_536;

function writeTogether(
  before: string,
  body: Uint8Array,
  after: string,
  write: (data: string | Uint8Array, encoding: BufferEncoding) => void,
): void {
  if (body.length <= togetherMax) {
    const { buffer, byteOffset, byteLength } = body;
    return write(before + Buffer.from(buffer, byteOffset, byteLength).toString("latin1") + after, "latin1");
  }
  write(before, "latin1");
  write(body, "latin1");
  if (after !== "") write(after, "latin1");
}

function bytesOf(data: string | Uint8Array, encoding: BufferEncoding): Uint8Array {
  return typeof data === "string" ? Buffer.from(data, encoding) : data;
}
