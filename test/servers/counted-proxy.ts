import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy in front of a port of 127.0.0.1 that counts round trips. */
export interface CountedProxy extends AsyncDisposable {
  readonly port: number;
  /** How often a client spoke since it was last heard, over all connections. */
  trips(): number;
}

export async function countedProxy(port: number): Promise<CountedProxy> {
  const sockets = new Set<Socket>();
  let trips = 0;
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    let answered = true;
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay(true).on("error", end).on("close", end));
    }
    near.on("data", (bytes) => {
      if (answered) trips += 1;
      answered = false;
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      answered = true;
      near.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    trips: () => trips,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
