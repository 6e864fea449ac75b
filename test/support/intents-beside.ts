import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bundle } from "./browser-bundle.ts";
import type { BrowserContext, Page } from "playwright-core";
import { killBrowser, launchWithProfile } from "./servers/chromium.ts";

declare global {
  /** In the pages. */
  // oxlint-disable-next-line no-var -- Declares a property of `globalThis`.
  var beside: {
    readonly opened: { press(id: string): Promise<unknown> };
    start(library: Library): Promise<void>;
  };
}

const libraries = ["once-again", "once-again, keys off", "tanstack"] as const;
type Library = (typeof libraries)[number];

/** A browser, and a server that makes each order once for its key. */
interface Ground {
  readonly library: Library;
  readonly url: string;
  /** The keys of the orders that were made. */
  readonly orders: Set<string>;
  /** From now on the effect of a new key happens, and its answer never comes; or no longer. */
  hold(isHolding: boolean): void;
  /** Waits until so many orders have been made. */
  made(count: number): Promise<void>;
  browser: BrowserContext;
  openTab(): Promise<Page>;
  /** Kills every process of the browser, and starts it again with the same profile. */
  killAndRestart(): Promise<void>;
}

const press = (tab: Page, id = "order-1"): void =>
  void tab.evaluate((name) => beside.opened.press(name), id).catch(() => undefined);

/** How a press ends within some seconds, in a few words. */
const pressAndSay = (tab: Page): Promise<string> =>
  tab.evaluate(async (patienceMs) => {
    const pressed = beside.opened.press("order-1").then(
      () => "done",
      (error: Error & { code?: string }) => `refused: ${error.code ?? error.message}`,
    );
    const patience = new Promise<string>((resolve) => setTimeout(() => resolve("no end yet"), patienceMs));
    return Promise.race([pressed, patience]);
  }, 5000);

/** From now on the browser has no room for this site, or has again. */
async function setRoom({ browser, url }: Ground, tab: Page, hasRoom: boolean): Promise<void> {
  const session = await browser.newCDPSession(tab);
  const { origin } = new URL(url);
  await session.send("Storage.overrideQuotaForOrigin", { origin, ...(hasRoom ? {} : { quotaSize: 1 }) });
}

/** The scenarios. Each ends when nothing more is to be done but to wait; a text says how the press ended. */
const scenarios: Readonly<Record<string, (ground: Ground) => Promise<string | void>>> = {
  async "reload after the effect, before its answer"(ground) {
    const tab = await pressAndLose(ground);
    await tab.reload();
    await tab.evaluate((library) => beside.start(library), ground.library);
  },
  async "the same, and the user presses again"(ground) {
    const tab = await pressAndLose(ground);
    await tab.reload();
    await tab.evaluate((library) => beside.start(library), ground.library);
    press(tab);
  },
  async "kill -9 after the effect, before its answer"(ground) {
    await pressAndLose(ground);
    await ground.killAndRestart();
    await ground.openTab();
  },
  async "two tabs, the same press in both"(ground) {
    const tabs = [await ground.openTab(), await ground.openTab()];
    for (const tab of tabs) press(tab);
  },
  async "the second tab presses without a network, and is closed"(ground) {
    const [, second] = [await ground.openTab(), await ground.openTab()];
    await ground.browser.setOffline(true);
    press(second);
    await sleep(2000);
    await second.close();
    await ground.browser.setOffline(false);
  },
  async "an hour without a network, by the page's clock"(ground) {
    const tab = await ground.browser.newPage();
    await tab.clock.install();
    await tab.goto(ground.url);
    await tab.evaluate((library) => beside.start(library), ground.library);
    await ground.browser.setOffline(true);
    press(tab);
    await sleep(1000);
    await tab.clock.fastForward("01:00:00");
    await ground.browser.setOffline(false);
    await tab.clock.fastForward(5000);
  },
  async "the quota is used up when the user presses"(ground) {
    const tab = await ground.openTab();
    await setRoom(ground, tab, false);
    const said = await pressAndSay(tab);
    await setRoom(ground, tab, true);
    return said;
  },
  async "the same without a network, and the tab is closed"(ground) {
    const tab = await ground.openTab();
    await setRoom(ground, tab, false);
    await ground.browser.setOffline(true);
    const said = await pressAndSay(tab);
    await setRoom(ground, tab, true);
    await tab.close();
    await ground.browser.setOffline(false);
    await ground.openTab();
    return said;
  },
};

/** Presses, and loses the answer of an order that was made. */
async function pressAndLose(ground: Ground): Promise<Page> {
  const tab = await ground.openTab();
  ground.hold(true);
  press(tab);
  await ground.made(1);
  ground.hold(false);
  return tab;
}

/** No request for so long: it is over. */
const quietMs = 15_000;

async function runScenario(name: string, library: Library, script: string) {
  const profile = mkdtempSync(join(tmpdir(), "once-again-beside-"));
  const orders = new Set<string>();
  let requests = 0;
  let lastAt = performance.now();
  let isHolding = false;
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/page.js") return void response.setHeader("content-type", "text/javascript").end(script);
    if (request.url !== "/orders") {
      return void response
        .setHeader("content-type", "text/html")
        .end('<!doctype html><link rel="icon" href="data:,"><script defer src="/page.js"></script>');
    }
    requests += 1;
    lastAt = performance.now();
    orders.add(String(request.headers["idempotency-key"]));
    request.resume().on("end", () => (isHolding ? held.push(response) : response.writeHead(201).end("{}")));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const ground: Ground = {
    library,
    url,
    orders,
    hold: (next) => void (isHolding = next),
    async made(count) {
      while (orders.size < count) await sleep(20);
    },
    browser: await launchWithProfile(profile),
    async openTab() {
      const tab = await ground.browser.newPage();
      await tab.goto(url);
      await tab.evaluate((chosen) => beside.start(chosen), library);
      return tab;
    },
    async killAndRestart() {
      await killBrowser(ground.browser, profile);
      ground.browser = await launchWithProfile(profile);
    },
  };
  try {
    const press = (await scenarios[name]!(ground)) ?? "";
    lastAt = performance.now();
    while (performance.now() - lastAt < quietMs) await sleep(100);
    return { scenario: name, library, orders: orders.size, requests, press };
  } finally {
    await ground.browser.close();
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Runs every scenario with both libraries. */
export async function besideOthers(say: (text: string) => void) {
  const script = await bundle(fileURLToPath(new URL("../browser/beside-page.ts", import.meta.url)));
  const rows: Awaited<ReturnType<typeof runScenario>>[] = [];
  for (const name of Object.keys(scenarios)) {
    for (const library of libraries) {
      say(`${library}: ${name}`);
      rows.push(await runScenario(name, library, script));
    }
  }
  return rows;
}
