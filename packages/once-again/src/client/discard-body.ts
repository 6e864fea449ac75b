import type { Clock } from "../core/clock.ts";

/** Reading on costs less than a new connection up to about here. */
const bytesMax = 65_536;
const msMax = 1000;

/**
 * Gets rid of an answer that nobody will read. It is read to its end, since a connection whose answer is cancelled
 * midway can't be used again; an answer that is long or slow is cancelled all the same. Resolves when the connection is
 * free, and never rejects.
 */
export async function discardBody(response: Response, clock: Clock): Promise<void> {
  try {
    // Within: a stand-in for a Response may refuse to make one, as of a status of 600.
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const cancel = (): void => void reader.cancel().catch(() => undefined);
    const stopTimer = clock.timer(msMax, cancel);
    let bytes = 0;
    try {
      for (let chunk = await reader.read(); !chunk.done && bytes <= bytesMax; chunk = await reader.read()) {
        bytes += chunk.value.byteLength;
      }
      if (bytes > bytesMax) cancel();
      else await waitForConnection();
    } finally {
      stopTimer();
    }
  } catch {
    // An answer that breaks off, or that somebody else is reading, needs no further care.
  }
}

/**
 * Node's `fetch` gives a connection back in an immediate, which it sets before it tells of an answer's end. Immediates run
 * in the order in which they were set, so one that is set now runs after it. Platforms that have none keep their
 * connections apart from the program's turns.
 */
function waitForConnection(): Promise<void> {
  return new Promise((resolve) => {
    if ("setImmediate" in globalThis) setImmediate(resolve);
    else resolve();
  });
}
