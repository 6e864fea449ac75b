import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { type WebHandler, onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { contentType, status } from "./exchange.ts";
import { serveWithNext } from "./next-app.ts";
import type { Setup, Work } from "./setup.ts";

/** Serves the order with a handler of web requests, on the adapter of Hono. @returns the port. */
export async function serveWebRequests(setup: Setup): Promise<number> {
  const server = serve({ fetch: webHandler(setup), port: 0, hostname: "127.0.0.1" });
  if (!server.listening) await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Serves the order with a route handler of Next.js. @returns the port. */
export async function serveNext(setup: Setup): Promise<number> {
  const server = createServer(await serveWithNext(webHandler(setup)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

/** A handler of web requests, as Next.js and others want it. */
function webHandler(setup: Setup): (request: Request) => Promise<Response> {
  const work = setup.work as Work<unknown>;
  const answer = (text: string) => new Response(text, { status, headers: { "content-type": contentType } });
  switch (setup.kind) {
    case "function":
      return async (request) => {
        const { headers } = request;
        const body = (await request.json()) as Record<string, unknown>;
        const key = headers.get("idempotency-key") ?? "";
        return answer(await setup.guarded({ key, headers: Object.fromEntries(headers), body }, work));
      };
    case "middleware":
      throw new Error("A middleware of Express can't serve web requests.");
    default: {
      const handle: WebHandler<unknown> = async (request, { transaction }) => {
        // As the others' parsers do.
        await request.json();
        return answer(await work(transaction));
      };
      return setup.kind === "leased" ? onceWeb(setup.options, handle) : onceWeb(setup.options, handle);
    }
  }
}
