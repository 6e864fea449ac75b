import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that Linux gives to outgoing connections and to listeners on "any" (32768 and up): between the check
 * of such a port and a server's start, or its restart, a client would take it.
 */
const lowest = 10_000;
const highest = 32_000;

/** The ports that this process has given out. */
const given = new Set<number>();

/** A port of 127.0.0.1 for a server, which is free at present. */
export async function serverPort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
