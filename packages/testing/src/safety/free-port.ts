import { once } from "node:events";
import { createServer } from "node:net";
import type { Random } from "once-again";
import { systemRandom } from "once-again/internal";

/**
 * Below the ports that systems give to outgoing connections: one of those could be taken by a client while the server
 * that it is meant for is started again.
 */
const lowest = 10_000;
const highest = 32_000;

/** A port of 127.0.0.1 that is not in use at present. */
export async function freePort(random: Random = systemRandom): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(random() * (highest - lowest));
    const server = createServer();
    const isFree = await once(server.listen(port, "127.0.0.1"), "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    await once(server.close(), "close");
    return port;
  }
}
