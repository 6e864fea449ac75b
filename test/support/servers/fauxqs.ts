import process from "node:process";
import { fileURLToPath } from "node:url";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverFolder } from "./server-folder.ts";
import { serverPort } from "./server-port.ts";

/**
 * Starts fauxqs, which emulates SQS and SNS in memory: a restart loses its data. Unlike moto it keeps the order of a FIFO
 * group after a time-out, and a message stays when it is deleted by an old receipt.
 */
export async function startFauxqs(): Promise<PrivateServer> {
  const port = await serverPort();
  return startServer({
    command: process.execPath,
    args: [fileURLToPath(new URL("fauxqs-child.ts", import.meta.url)), String(port)],
    port,
    url: `http://127.0.0.1:${port}`,
    folder: serverFolder("fauxqs"),
    ready: /listening/,
  });
}
