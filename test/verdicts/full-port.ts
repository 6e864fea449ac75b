import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** A port that takes no more connections: its server never accepts one, and its queue is full. */
export interface FullPort extends AsyncDisposable {
  readonly port: number;
}

const server = `
  const { createServer } = require("node:net");
  const { parentPort } = require("node:worker_threads");
  const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

export async function fullPort(): Promise<FullPort> {
  // A thread that listens, and then blocks.
  const worker = new Worker(server, { eval: true });
  const [port] = (await once(worker, "message")) as [number];
  const queued: Socket[] = [];
  // Linux lets one more in than the backlog says.
  for (let place = 0; place < 2; place += 1) {
    const socket = connect({ port, host: "127.0.0.1" }).on("error", () => undefined);
    await once(socket, "connect");
    queued.push(socket);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of queued) socket.destroy();
      await worker.terminate();
    },
  };
}
