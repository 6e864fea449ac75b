import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** A folder that is served on this machine, as a host of static pages does. */
export interface ServedFolder extends AsyncDisposable {
  /** The address of the folder, with a slash at its end. */
  readonly url: string;
}

/**
 * Serves a folder at a path. A path without an extension is a page, and one that ends with a slash a folder's index.
 *
 * @param base the path at which the folder stands, such as `/once-again/`.
 */
export async function serveFolder(folder: string, base = "/"): Promise<ServedFolder> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://folder");
    const path = decodeURIComponent(pathname.slice(base.length));
    const file = path.endsWith("/") || path === "" ? `${path}index.html` : extname(path) === "" ? `${path}.html` : path;
    if (!pathname.startsWith(base)) return void response.writeHead(404).end();
    readFile(join(folder, normalize(file))).then(
      (bytes) => {
        response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
        response.end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${base}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
