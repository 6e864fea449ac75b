import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it arrived, of which number on its connection. */
export interface Arrived {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly ofConnection: number;
}

/**
 * A server as it is at a deploy: it executes the first POST to `/pay`, and closes the connection without a response. All other
 * requests are answered with 200.
 *
 * @param pages the HTML that is served, by path.
 */
export async function closingServer(pages: Readonly<Record<string, string>> = {}) {
  const arrived: Arrived[] = [];
  const server = createServer((socket) => readRequests(socket, arrived, pages));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    /** The POSTs to `/pay`: the effects. */
    paid: () => arrived.filter(({ method, path }) => method === "POST" && path === "/pay"),
  };
}

function readRequests(socket: Socket, arrived: Arrived[], pages: Readonly<Record<string, string>>): void {
  let text = "";
  let ofConnection = 0;
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    for (;;) {
      const end = text.indexOf("\r\n\r\n");
      const head = text.slice(0, end);
      const bodyEnd = end + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (end < 0 || text.length < bodyEnd) return;
      text = text.slice(bodyEnd);
      ofConnection += 1;
      const [method = "", path = ""] = head.split(" ", 2);
      const [, key] = /^idempotency-key: *(.*)$/im.exec(head) ?? [];
      const isFirst = !arrived.some((one) => one.method === "POST" && one.path === "/pay");
      arrived.push({ method, path, key: key?.trim(), ofConnection });
      if (method === "POST" && path === "/pay" && isFirst) return void socket.destroy();
      const body = pages[path] ?? "<!doctype html>ok";
      const type = path.endsWith(".js") ? "text/javascript" : "text/html";
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    }
  });
}
