import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { lasting, type Received } from "./exchange.ts";

// Bodies around the bounds of streams and of middleware, and what is compared of the responses that bring them.

const bytesOf: Readonly<Record<string, number>> = {
  empty: 0,
  "1 byte": 1,
  "64 KiB - 1": 65_535,
  "64 KiB + 1": 65_537,
  "1 MiB": 1_048_576,
};

export const bodySizes = Object.keys(bytesOf);

/** A line of every body. */
export const bodyLine = "a line of the report\n";

/** A body of one of the sizes. */
export const bodyOf = (size: string): Buffer => Buffer.alloc(bytesOf[size]!, bodyLine);

const chunkBytes = 16_000;

/** The pieces in which a stream brings a body. */
export function* chunksOf(body: Buffer): Generator<Buffer> {
  for (let start = 0; start < body.length; start += chunkBytes) yield body.subarray(start, start + chunkBytes);
}

/** A body as it was before it was compressed. */
export function decoded({ headers, body }: Received): Buffer {
  const encoding = headers["content-encoding"];
  return encoding === "gzip" ? gunzipSync(body) : encoding === "br" ? brotliDecompressSync(body) : body;
}

/** The parts of a head that a repeat has, and the same server without once-again. */
export function headOf(response: Received, without: readonly string[] = []): unknown {
  const { headers, status } = lasting({ ...response, body: Buffer.alloc(0) }) as Received;
  const named = Object.entries(headers).filter(
    ([name]) => name !== "idempotency-key-policy" && !without.includes(name),
  );
  return { status, headers: Object.fromEntries(named) };
}
