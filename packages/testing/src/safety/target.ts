import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { invalidOptionError } from "once-again/internal";
import { http } from "../node-http.ts";
import { listenerOf, type WebHandler } from "./web-handler.ts";

/**
 * A handler under test: the `http:` URL of a server that runs; a server of `node:http`, which is set listening for as long
 * as the test needs it unless it listens already; or a web-standard handler, such as Hono's `app.fetch`.
 */
export type HandlerUnderTest = string | URL | Server | WebHandler;

/** A handler that can be reached. */
export interface Reachable extends AsyncDisposable {
  readonly url: URL;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what can't be reached over HTTP by TCP; what listening throws. */
export async function reachable(target: HandlerUnderTest): Promise<Reachable> {
  if (typeof target === "string" || target instanceof URL) {
    return { url: checkedUrl(String(target)), [Symbol.asyncDispose]: async () => undefined };
  }
  const server = typeof target === "function" ? http().createServer(listenerOf(target)) : target;
  if (server.listening) return { url: urlOf(server), [Symbol.asyncDispose]: async () => undefined };
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: urlOf(server),
    async [Symbol.asyncDispose]() {
      const closed = once(server.close(), "close");
      server.closeAllConnections();
      await closed;
    },
  };
}

function urlOf(server: Server): URL {
  const address = server.address() as AddressInfo | string;
  if (typeof address === "string") throw invalidOptionError("target", "a server that listens on a TCP port", address);
  // A server that listens on every address listens on the loopback's too.
  const host = ["::", "0.0.0.0"].includes(address.address) ? "localhost" : address.address;
  return new URL(`http://${host.includes(":") ? `[${host}]` : host}:${address.port}/`);
}

function checkedUrl(target: string): URL {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  // The flaky network can't put faults into encrypted traffic.
  if (url?.protocol === "http:") return url;
  throw invalidOptionError("target", "an http: URL, a server of node:http or a web-standard handler", target);
}
