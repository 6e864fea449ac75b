import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { build } from "esbuild";
import { onceNode } from "once-again/node";
import { memoryStore } from "once-again/stores/memory";
import { flakyNetwork } from "@once-again/testing";

/** A shop with a careless and a safe way to pay, behind a network that loses every other answer to a payment. */
export async function startShop() {
  /** The payments, in the order in which they were charged. */
  const charges: { order: string; route: "careless" | "safe" }[] = [];
  const store = memoryStore();
  const safe = onceNode({ store, scope: "public" }, (_request, response, { body }) => {
    charges.push({ order: body.toString(), route: "safe" });
    response.writeHead(201, { "content-type": "text/plain" }).end("paid");
  });
  const careless = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    charges.push({ order: await text(request), route: "careless" });
    response.writeHead(201).end("paid");
  };
  const { outputFiles } = await build({
    entryPoints: [new URL("page.ts", import.meta.url).pathname],
    bundle: true,
    format: "iife",
    platform: "browser",
    write: false,
    // This repository's own sources, where it is run there.
    conditions: ["@once-again/source"],
  });
  const page = outputFiles[0]!.text;
  const number = crypto.randomUUID().slice(0, 8);

  const server = createServer((request, response) => {
    const route = `${request.method} ${request.url}`;
    if (route === "POST /safe") void safe(request, response);
    else if (route === "POST /careless") void careless(request, response);
    else if (route === "GET /charges")
      response.setHeader("content-type", "application/json").end(JSON.stringify(charges));
    else if (route === "GET /page.js") response.setHeader("content-type", "text/javascript").end(page);
    else response.setHeader("content-type", "text/html; charset=utf-8").end(html(number));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as { port: number };

  let payments = 0;
  const network = await flakyNetwork({
    upstream: { port: address.port },
    plan({ method }) {
      if (method !== "POST") return { scenario: "pass" };
      payments += 1;
      return payments % 2 === 1 ? { scenario: "lose-answer", manner: "silence" } : { scenario: "pass" };
    },
  });
  return {
    url: network.url,
    charges,
    async close(): Promise<void> {
      await network.close();
      server.closeAllConnections();
      server.close();
      await store.close();
    },
  };
}

/** The customer's order has a number of the shop: two tabs that open at once show the same order. */
const html = (number: string): string => `<!doctype html>
<html lang="en">
  <meta name="viewport" content="width=device-width" />
  <link rel="icon" href="data:," />
  <title>Checkout</title>
  <style>
    body { font: 18px/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
    main { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
    section { border: 1px solid #bbb; border-radius: 8px; padding: 1rem }
    button { font: inherit; padding: 0.4rem 1.2rem }
  </style>
  <h1>One coffee, 4.20</h1>
  <p>The network loses the answer to every other payment. While a payment is under way: reload, close the tab, kill the browser, or
  open this page twice. Then look at what was charged.</p>
  <main data-order="${number}"></main>
  <script src="/page.js"></script>
</html>`;
