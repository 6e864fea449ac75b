/** `server-child.ts`: an HTTP server of the plainest kind, in a separate process. It sends its port. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { answer, contentType, status } from "../server/exchange.ts";

const head = { "content-type": contentType, "content-length": Buffer.byteLength(answer) };
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.writeHead(status, head).end(answer));
});
server.listen(0, "127.0.0.1");

process.on("message", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit());
