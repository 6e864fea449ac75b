/**
 * A proxy without anything of ours: node:http in front, undici's dispatch behind, bodies held in memory. What a gateway on
 * Node can come to at best. `node bench/gateway/bare-proxy.ts PORT UPSTREAM` listens on a port of this machine.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { Pool } from "undici";

const [port, upstream = ""] = process.argv.slice(2);
// As many connections as the gateway opens.
const pool = new Pool(upstream, { connections: 128 });

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.once("end", () => ask(request, response, Buffer.concat(chunks)));
}).listen(Number(port), "127.0.0.1", () => process.stdout.write("listening\n"));

function ask({ method = "GET", url = "/", rawHeaders }: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const headers = rawHeaders.filter((_, at) => !ofConnection.test(rawHeaders[at - (at % 2)]!));
  pool.dispatch(
    { method, path: url, headers, body },
    {
      // By this undici knows a handler of its new kind.
      onRequestStart: () => undefined,
      onResponseStart(_controller, status, fields) {
        response.writeHead(status, { ...fields, connection: "keep-alive" });
      },
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  );
}

const ofConnection = /^(?:connection|host|content-length)$/i;
