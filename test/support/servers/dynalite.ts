import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import dynalite from "dynalite";

/** An emulator of DynamoDB in this process. */
export interface Dynalite extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

/**
 * Starts dynalite: DynamoDB in memory, as others wrote it. It has no transactions, and returns no item with a failed condition.
 */
export async function startDynalite(): Promise<Dynalite> {
  const server: Server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
