import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { BrowserContext, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { bundle } from "../support/browser-bundle.ts";
import { startHttpServer } from "../support/http-server.ts";
import { killBrowser, launchWithProfile } from "../support/servers/chromium.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { TestPage } from "./page.ts";

declare global {
  /** In the pages, to which Playwright sends functions of the tests. */
  // oxlint-disable-next-line no-var -- Declares a property of `globalThis`.
  var page: TestPage;
}

/**
 * A server that makes each order once for its key, and stands for the API of the guide's programs, with pages, and a browser with
 * a profile that outlives it.
 */
export async function browserBench(entry = "page.ts") {
  const script = await bundle(new URL(entry, import.meta.url).pathname);
  const worker = await bundle(new URL("../../examples/guides/browser-worker.ts", import.meta.url).pathname);
  /** The orders by their keys: the effects. */
  const orders = new Map<string, string>();
  const held: ServerResponse[] = [];
  const seen = {
    requests: 0,
    isHolding: false,
    /** The next answers, without an effect. */
    next: [] as { status: number; headers?: Record<string, string> }[],
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const program = { "/page.js": script, "/sw.js": worker }[request.url!];
    if (program !== undefined) {
      const here = program.replaceAll("https://api.shop.example", url);
      return void response.setHeader("content-type", "text/javascript").end(here);
    }
    if (!["/orders", "/payments"].includes(request.url!)) {
      return void response
        .setHeader("content-type", "text/html")
        .end('<!doctype html><link rel="icon" href="data:,"><script defer src="/page.js"></script>');
    }
    seen.requests += 1;
    const key = String(request.headers["idempotency-key"]);
    const body = await text(request);
    const refusal = seen.next.shift();
    if (refusal !== undefined) return void response.writeHead(refusal.status, refusal.headers).end();
    const isFirst = !orders.has(key);
    if (isFirst) orders.set(key, body);
    // The effect is there, and its answer never comes.
    if (seen.isHolding && isFirst) held.push(response);
    else response.writeHead(201).end(body);
  };
  const url = await startHttpServer((request, response) => void serve(request, response));
  const ownProfile = temporaryFolder();

  const launch = async (profile = ownProfile): Promise<BrowserContext> => {
    const context = await launchWithProfile(profile);
    onTestFinished(() => context.close().catch(() => undefined));
    return context;
  };
  return {
    url,
    orders,
    seen,
    /** Sends the answers that were held. */
    answerHeld: (): void => {
      for (const response of held.splice(0)) response.writeHead(201).end();
    },
    /** Cuts the connections of the answers that were held. */
    loseHeld: (): void => {
      for (const response of held.splice(0)) response.destroy();
    },
    launch,
    /** A tab that has the test page, with intents that are open. */
    async openTab(context: BrowserContext, whenOffline: "hold" | "send" = "hold"): Promise<Page> {
      const tab = await context.newPage();
      await tab.goto(url);
      await tab.evaluate((choice) => page.open({ whenOffline: choice }), whenOffline);
      return tab;
    },
    /** Waits until so many orders have been made. */
    made: (count: number) => expect.poll(() => orders.size, { interval: 10 }).toBe(count),
    /** Ends every process of the browser by SIGKILL. */
    kill: (context: BrowserContext): Promise<void> => killBrowser(context, ownProfile),
  };
}
