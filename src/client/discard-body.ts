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
  if (response.body === null) return;
  try {
    const reader = response.body.getReader();
    const cancel = (): void => void reader.cancel().catch(() => undefined);
    const stopTimer = clock.timer(msMax, cancel);
    let bytes = 0;
    try {
      for (let chunk = await reader.read(); !chunk.done && bytes <= bytesMax; chunk = await reader.read()) {
        bytes += chunk.value.byteLength;
      }
      if (bytes > bytesMax) cancel();
      else await nextTurn();
    } finally {
      stopTimer();
    }
  } catch {
    // An answer that breaks off, or that somebody else is reading, needs no further care.
  }
}

/** A turn of the event loop: Node's `fetch` gives a connection back only after one. No clock decides when it is over. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const end = (): void => {
      port1.close();
      resolve();
    };
    port1.addEventListener("message", end, { once: true });
    port1.start();
    port2.postMessage(undefined);
  });
}
