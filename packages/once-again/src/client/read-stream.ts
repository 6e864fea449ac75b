import { ByteCollector } from "../core/byte-collector.ts";
import { encodeChunk } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";

/** What bounds the reading of a request's body before it is sent. */
export interface ReadBounds {
  readonly bytesMax: number;
  readonly msMax: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/**
 * Reads the stream of a `Request` into memory.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE`, `ONCE_DEADLINE_EXCEEDED`; the signal's reason; the stream's error.
 */
export async function readStream(stream: ReadableStream<Uint8Array>, bounds: ReadBounds): Promise<ArrayBuffer> {
  const { bytesMax, clock, msMax, signal } = bounds;
  const reader = stream.getReader();
  const interrupted = Promise.withResolvers<never>();
  const stopTimer = clock.timer(msMax, () => interrupted.reject(deadlineError()));
  const onAbort = (): void => interrupted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const body = new ByteCollector(bytesMax);
    for (;;) {
      const chunk = await Promise.race([reader.read(), interrupted.promise]);
      if (chunk.done) return body.bytes!.slice().buffer;
      if (!body.add(encodeChunk(chunk.value))) throw bodyTooLargeError(bytesMax);
    }
  } catch (error) {
    void reader.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    stopTimer();
    signal?.removeEventListener("abort", onAbort);
    // A timer that fires with the last chunk has nobody left to tell.
    interrupted.promise.catch(() => undefined);
  }
}

function deadlineError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_DEADLINE_EXCEEDED",
    "The deadline came while the request's body was being read. Nothing was sent.",
    { details: { attempts: 0, noEffect: true } },
  );
}

function bodyTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_TOO_LARGE",
    `The request's body is a stream of more than ${bytesMax} bytes, which would have to be kept in memory to be sent ` +
      "again. Nothing was sent. Pass a function that makes it, `body: () => stream()`, or raise bodyBytesMax.",
    { details: { bytesMax } },
  );
}
