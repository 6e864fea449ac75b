import { createServer, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { makeCertificates } from "../support/certificates.ts";
import { bundle } from "../support/browser-bundle.ts";
import { chromiumBinary, launchChromium } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { firefoxBinary, openInFirefox } from "../support/servers/firefox.ts";
import { closingServer } from "./closing-server.ts";

// The facts of docs/guides/layers-below.md: a browser sends a POST again by itself, and who has a key has one effect.

const script = bundle(new URL("repeats-page.ts", import.meta.url).pathname);
const page = '<!doctype html><link rel="icon" href="data:,"><script defer src="/page.js"></script>';

async function openInChromium(url: string): Promise<void> {
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  await (await browser.newPage()).goto(url);
}

const browsers = [
  ["Chromium", chromiumBinary, openInChromium],
  ["Firefox", firefoxBinary, (url: string) => openInFirefox(url)],
] as const;

for (const [name, binary, open] of browsers) {
  describeWithServer(`${name}, on a connection that the server closes after the work`, binary, () => {
    test.for(["fetch", "keepalive", "form", "ours"])(
      "sends one POST (%s) twice, and the page sees a success",
      async (sender) => {
        const server = await closingServer({ "/": page, "/page.js": await script });
        await open(`${server.url}/#${sender}`);
        await expect.poll(() => server.paid().length).toBe(2);
        const [first, again] = server.paid();
        // It began on a connection that had served a request; the browser's repeat has the same key, or none.
        expect(first!.ofConnection).toBeGreaterThan(1);
        expect(again!.key).toBe(first!.key);
        expect(first!.key === undefined).toBe(sender !== "ours");
        if (sender === "form") return;
        await expect.poll(() => server.arrived.map(({ path }) => path)).toContain("/seen?200");
      },
    );

    test.for(["before the handler has ended", "after it"])(
      "a server that honours keys works once, and the page sees its response: closed %s",
      async (moment) => {
        const { url, seen, runs, statuses } = await keyedServer(moment === "after it");
        await open(`${url}/#ours`);
        await expect.poll(() => seen).toEqual(["/seen?201"]);
        expect([runs(), statuses.length]).toEqual([1, 2]);
      },
    );
  });
}

describeWithServer("Chromium, on an HTTP/2 connection that the server closes after the work", chromiumBinary, () => {
  test.for([
    ["ours", 2, "/seen?200"],
    ["stream", 1, "/seen?ONCE_OUTCOME_UNKNOWN"],
  ] as const)("the body of %s: the POST arrives %d times", async ([sender, arrived, seen]) => {
    using certificates = makeCertificates();
    const text = await script;
    const paths: string[] = [];
    const server = createSecureServer({ ...certificates.good });
    server.on("sessionError", () => undefined);
    server.on("stream", async (stream, { ":path": path = "" }) => {
      stream.on("error", () => undefined);
      await buffer(stream).catch(() => undefined);
      paths.push(path);
      if (path === "/pay" && paths.filter((one) => one === path).length === 1) return stream.session?.destroy();
      stream.respond({ "content-type": path === "/page.js" ? "text/javascript" : "text/html" });
      stream.end(path === "/page.js" ? text : page);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const browser = await launchChromium("--ignore-certificate-errors");
    onTestFinished(() => browser.close());
    const tab = await browser.newPage({ ignoreHTTPSErrors: true });
    await tab.goto(`https://127.0.0.1:${(server.address() as AddressInfo).port}/#${sender}`);
    await expect.poll(() => paths).toContain(seen);
    expect(paths.filter((path) => path === "/pay")).toHaveLength(arrived);
  });
});

describeWithServer("Firefox that makes keys", firefoxBinary, () => {
  test("its key is on a POST that brings none and on its repeat, and never replaces the page's", async () => {
    const preferences = { "network.http.idempotencyKey.enabled": true };
    const sent = async (sender: string) => {
      const server = await closingServer({ "/": page, "/page.js": await script });
      openInFirefox(`${server.url}/#${sender}`, preferences);
      await expect.poll(() => server.paid().length).toBe(2);
      return server.paid().map(({ key }) => key);
    };
    for (const sender of ["fetch", "form"]) {
      const [first, again] = await sent(sender);
      expect([first, again]).toEqual([expect.stringMatching(/^"\d{1,20}"$/), first]);
    }
    const [own, repeated] = await sent("ours");
    expect([own, repeated]).toEqual([expect.stringMatching(/^[\da-f-]{36}$/), own]);
  });
});

/** A server with keys that closes the connection of the first POST, before its handler has ended or after it. */
async function keyedServer(isLate: boolean) {
  const seen: string[] = [];
  const statuses: number[] = [];
  let runs = 0;
  const again = Promise.withResolvers<void>();
  let cutConnection = (): void => undefined;
  const pay = onceNode({ store: memoryStore(), scope: "public" }, async (_request, response) => {
    runs += 1;
    if (!isLate) {
      cutConnection();
      // The browser's repeat waits for this one's response.
      await again.promise;
    }
    response.writeHead(201).end("paid");
  });
  const text = await script;
  let posts = 0;
  const server = createServer(async (request, response) => {
    if (request.url === "/pay") {
      posts += 1;
      if (posts === 2) again.resolve();
      const { socket } = request;
      // As the network does it: a handler that ends its connection itself has failed.
      if (posts === 1) cutConnection = () => void socket.destroy();
      if (isLate && posts === 1) cutResponse(response, cutConnection);
      response.once("close", () => statuses.push(response.statusCode));
      return void pay(request, response);
    }
    if (request.url?.startsWith("/seen")) seen.push(request.url);
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html").end(isScript ? text : page);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, statuses, runs: () => runs };
}

/** Has a response end its connection in the place of its first byte. */
function cutResponse(response: ServerResponse, cut: () => void): void {
  response.writeHead = () => (cut(), response);
}
