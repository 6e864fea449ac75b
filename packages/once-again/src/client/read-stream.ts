import { ByteCollector, encodeChunk } from "../core/bytes.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { eitherSignal } from "../retry/attempt.ts";

/** The limits for reading a request's body before it is sent. */
export interface ReadBounds {
  readonly bytesMax: number;
  readonly msMax: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/**
 * Reads a body until it ends, or until `take` answers `false`.
 *
 * @param reader `undefined`: there is no body.
 * @returns whether it was read to its end.
 * @throws what the body's stream fails with.
 */
export async function readChunks(reader: Reader | undefined, take: (chunk: Uint8Array) => boolean): Promise<boolean> {
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    if (!take(read.value)) return false;
  }
  return true;
}

/** Ends a body that is not read on. */
export function cancelReader(reader: Reader | undefined, reason?: unknown): void {
  void reader?.cancel(reason).catch(() => undefined);
}

/**
 * Reads the stream of a `Request` into memory.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE`, `ONCE_DEADLINE_EXCEEDED`; the signal's reason; the stream's error.
 */
export async function readStream(stream: ReadableStream<Uint8Array>, bounds: ReadBounds): Promise<ArrayBuffer> {
  const { bytesMax, clock, msMax, signal } = bounds;
  const reader = stream.getReader();
  const reading = new AbortController();
  const deadline = sleep(clock, msMax, eitherSignal(signal, reading.signal)).then(() => {
    throw deadlineError();
  });
  try {
    // One race for the stream: each race with the interruption would store a reaction on it, chunk after chunk.
    return await Promise.race([readAll(reader, bytesMax), deadline]);
  } catch (error) {
    cancelReader(reader, error);
    throw error;
  } finally {
    // So that neither a timer nor a listener stays behind.
    reading.abort();
  }
}

/** An interruption cancels the reader, which ends the stream for this loop, too. */
async function readAll(reader: Reader, bytesMax: number): Promise<ArrayBuffer> {
  const body = new ByteCollector(bytesMax);
  if (!(await readChunks(reader, (chunk) => body.add(encodeChunk(chunk))))) throw bodyTooLargeError(bytesMax);
  return body.bytes!.slice().buffer;
}

function deadlineError(): OnceAgainError {
  return new OnceAgainError("ONCE_DEADLINE_EXCEEDED", "The deadline came while the body was read. Nothing was sent.", {
    details: { attempts: 0, noEffect: true },
  });
}

function bodyTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_TOO_LARGE",
    `The body is a stream of more than ${bytesMax} bytes. Nothing was sent. ` +
      "Pass a function that makes it, `body: () => stream()`, or raise bodyBytesMax.",
    { details: { bytesMax } },
  );
}

/**
 * Reads an answer's body within its attempt, so that one that breaks off is an attempt that failed. It stays to be read
 * by the caller, from memory. Of one longer than `bytesMax` the rest comes from the connection as ever.
 *
 * @throws what the body's stream fails with.
 */
export async function readAhead(response: Response, bytesMax: number): Promise<void> {
  if (response.body === null || response.bodyUsed) return;
  const reader = response.clone().body?.getReader();
  let bytes = 0;
  // The caller reads the rest from its own copy.
  if (!(await readChunks(reader, (chunk) => (bytes += chunk.byteLength) <= bytesMax))) cancelReader(reader);
}

/** Reading on costs less than a new connection up to about here. */
const discardBytesMax = 65_536;
const discardMsMax = 1000;

/**
 * Discards a response that will not be read. It is read to its end, since a connection can't be used again after its response
 * was cancelled midway; a response that is long or slow is cancelled all the same. Resolves when the connection is free, and
 * never rejects.
 */
export async function discardBody(response: Response, clock: Clock): Promise<void> {
  try {
    // Within: a stand-in for a Response may refuse to make one, as of a status of 600.
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const stopTimer = clock.timer(discardMsMax, () => cancelReader(reader));
    let bytes = 0;
    try {
      const isShort = await readChunks(reader, (chunk) => (bytes += chunk.byteLength) <= discardBytesMax);
      if (isShort) await waitForConnection();
      else cancelReader(reader);
    } finally {
      stopTimer();
    }
  } catch {
    // A response that breaks off, or that has another reader, needs no further care.
  }
}

/**
 * Node's `fetch` gives a connection back in an immediate, which it sets before it reports the end of a response. Immediates run
 * in the order in which they were set, so one that is set now runs after it. Platforms without immediates don't tie their
 * connections to the program's turns.
 */
function waitForConnection(): Promise<void> {
  return new Promise((resolve) => {
    if ("setImmediate" in globalThis) setImmediate(resolve);
    else resolve();
  });
}
