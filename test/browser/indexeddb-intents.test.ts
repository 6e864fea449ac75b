import type { BrowserContext, Page } from "playwright-core";
import { beforeEach, expect, test } from "vitest";
import type { IntentStore } from "../../packages/once-again/src/intents/index.ts";
import { intentContract } from "../../packages/testing/src/index.ts";
import { launchWithHiddenTabs } from "../support/hidden-tabs.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { mountSmallDisk } from "../support/servers/small-disk.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { browserBench } from "./browser-bench.ts";

type Bench = Awaited<ReturnType<typeof browserBench>>;

const states = (tab: Page): Promise<unknown> =>
  tab.evaluate(async () => (await page.intents.list({})).map(({ id, state }) => `${id} ${state}`));

/** Starts an order in a tab, and does not wait for how it ends. */
const begin = (tab: Page, id: string): void => void tab.evaluate((name) => page.order(name), id).catch(() => undefined);

describeWithServer("intents in Chromium's IndexedDB", chromiumBinary, () => {
  let bench: Bench;
  let browser: BrowserContext;

  beforeEach(async () => {
    bench = await browserBench();
    browser = await bench.launch();
  });

  test("every rule of the contract holds, with two tabs", async () => {
    const tabs = [await bench.openTab(browser), await bench.openTab(browser)];
    let opened = 0;
    const open = async (name: string): Promise<IntentStore> => {
      const tab = tabs[opened++ % 2]!;
      const store = await tab.evaluateHandle((database) => page.indexeddbIntents({ name: database }), name);
      const methods = [
        "add",
        "claim",
        "renew",
        "postpone",
        "end",
        "settle",
        "reopen",
        "inspect",
        "list",
        "forget",
        "purge",
        "close",
      ] as const;
      const call = (method: (typeof methods)[number]) => async (request: unknown) => {
        const answer = await store.evaluate(
          async (calling, [called, argument]) => {
            try {
              return { value: await (calling[called as "list"] as (given: unknown) => Promise<unknown>)(argument) };
            } catch (error) {
              return { error: (error as Error).message, code: (error as { code?: string }).code };
            }
          },
          [method, request] as const,
        );
        if ("error" in answer) throw Object.assign(new Error(answer.error), { code: answer.code });
        return answer.value;
      };
      return Object.fromEntries(methods.map((method) => [method, call(method)])) as unknown as IntentStore;
    };
    for (const { name, run } of intentContract({ open })) {
      await run().catch((cause: unknown) => {
        throw new Error(`${name}: ${String(cause)}`, { cause });
      });
    }
  });

  test("all processes are killed after the effect and before its answer: one effect", async () => {
    bench.seen.isHolding = true;
    begin(await bench.openTab(browser), "order-1");
    await bench.made(1);
    await bench.kill(browser);
    bench.seen.isHolding = false;
    const tab = await bench.openTab(await bench.launch());
    // The lock went with the tab: nothing waits for the lease of a minute.
    await tab.evaluate(() => page.intents.resume());
    expect(await states(tab)).toEqual(["order-1 done"]);
    expect([bench.orders.size, bench.seen.requests]).toEqual([1, 2]);
  });

  test("five tabs that submit the same ids make each order once", async () => {
    const tabs = await Promise.all(Array.from({ length: 5 }, () => bench.openTab(browser)));
    const ids = Array.from({ length: 8 }, (_, at) => `order-${at}`);
    const ends = await Promise.all(tabs.map((tab) => tab.evaluate((names) => page.order(...names), ids)));
    expect(new Set(ends.flat())).toEqual(new Set(["done"]));
    expect([bench.orders.size, bench.seen.requests]).toEqual([8, 8]);
  });

  test("another tab goes on at once with what a closed tab was sending", async () => {
    const [first, second] = [await bench.openTab(browser), await bench.openTab(browser)];
    bench.seen.isHolding = true;
    begin(first, "order-1");
    await bench.made(1);
    bench.seen.isHolding = false;
    // From now on it looks; before, it might have sent the order itself.
    await second.evaluate(() => void page.intents.resume());
    await first.close();
    expect(await second.evaluate(() => page.order("order-1"))).toEqual(["done"]);
    expect([bench.orders.size, bench.seen.requests]).toEqual([1, 2]);
  });

  test("a redirect to a sign-in page is no order: it is made when the person has signed in", async () => {
    const tab = await bench.openTab(browser);
    bench.seen.next.push({ status: 302, headers: { location: "/login" } });
    expect(await tab.evaluate(() => page.order("order-1"))).toEqual(["done"]);
    expect([bench.orders.size, bench.seen.requests]).toEqual([1, 2]);
    const intent = await tab.evaluate(() => page.intents.inspect("order-1"));
    expect(intent).toMatchObject({ answer: { status: 201, url: `${bench.url}/orders`, redirected: false } });
    // A 303 to a page looks the same, since `fetch` hides the redirect: `trustRedirects` names the page.
    bench.seen.next.push({ status: 303, headers: { location: "/receipts/2" } });
    const trusted = await tab.evaluate(async () => {
      page.open({}, { trustRedirects: ({ pathname }) => pathname.startsWith("/receipts/") });
      return page.order("order-2");
    });
    expect([trusted, bench.seen.requests]).toEqual([["done"], 3]);
  });

  test("an hour without a network sends nothing, loses nothing, and doubts nothing", async () => {
    const tab = await browser.newPage();
    await tab.clock.install();
    await tab.goto(bench.url);
    await tab.evaluate(() => page.open());
    await browser.setOffline(true);
    begin(tab, "order-1");
    await expect.poll(() => states(tab)).toEqual(["order-1 pending"]);
    await tab.clock.fastForward("01:00:00");
    expect(await tab.evaluate(() => page.intents.inspect("order-1"))).toMatchObject({ inDoubt: false, claims: 0 });
    expect(bench.seen.requests).toBe(0);
    await browser.setOffline(false);
    await tab.clock.fastForward(5000);
    await expect.poll(() => states(tab)).toEqual(["order-1 done"]);
    expect(bench.seen.requests).toBe(1);
  });

  // The browser's quota is a part of its disk. Where no disk can be mounted, there is nothing to fill.
  test.runIf(process.getuid?.() === 0)(
    "a disk without room refuses new intents by a clear error, and keeps the others",
    async () => {
      await using disk = mountSmallDisk(64);
      const full = await bench.launch(disk.path);
      const tab = await bench.openTab(full);
      await tab.evaluate(() => page.order("order-1"));
      const refused = await tab.evaluate(async () => {
        const bytes = new Uint8Array(65_536);
        for (let at = 0; at < 100; at += 1) {
          crypto.getRandomValues(bytes);
          const body = new Uint8Array(64 * bytes.length);
          for (let part = 0; part < 64; part += 1)
            body.set(
              bytes.map((byte) => byte ^ (part * 37)),
              part * bytes.length,
            );
          const request = { method: "POST", url: `${location}orders`, headers: [], body };
          const facts = { key: "k", fingerprint: "f", request, giveUpAfterMs: 82_800_000, openMax: 1000 };
          const error = await page.refusal(() => page.store.add({ ...facts, id: `large-${at}` }));
          if (error !== undefined) return { ...error, left: (await page.store.list({ limit: 1000 })).length, at };
        }
        return undefined;
      });
      expect(refused).toMatchObject({ code: "ONCE_INTENTS_FULL", message: expect.stringMatching(/no more room/) });
      // All that was acknowledged is there, and nothing of the refused one.
      expect(refused!.left).toBe(refused!.at + 1);
      await full.close();
    },
  );

  test.runIf(process.getuid?.() === 0)(
    "a disk that is full while orders are under way: each is sent once, and is done when there is room again",
    async () => {
      await using disk = mountSmallDisk(64);
      const full = await bench.launch(disk.path);
      const tab = await bench.openTab(full);
      bench.seen.isHolding = true;
      const ended = tab.evaluate(() => page.order("order-1", "order-2"));
      await bench.made(2);
      await disk.fill();
      const refused = await tab.evaluate(async () => {
        const faults = new Promise<unknown>((resolve) =>
          page.intents.watch((event) => {
            if (event.type === "fault") resolve((event.error as { code?: unknown }).code);
          }),
        );
        return [await page.refusal(() => page.order("order-3")), await faults];
      });
      expect(refused).toMatchObject([{ code: expect.stringMatching(/FULL|UNAVAILABLE/) }, expect.any(String)]);
      bench.answerHeld();
      disk.free();
      expect(await ended).toEqual(["done", "done"]);
      expect([bench.orders.size, bench.seen.requests]).toEqual([2, 2]);
      expect(await tab.evaluate(() => page.events)).not.toContainEqual({ type: "removed" });
      await full.close();
    },
  );

  test("another tab goes on after the lease with what a frozen tab was sending, which sends it no more", async () => {
    const openTab = await launchWithHiddenTabs();
    const [first, second] = [await openTab(bench.url), await openTab(bench.url)];
    // It asks for nothing by itself: a tab that is frozen in the middle of a transaction would hold all others up.
    await first.evaluate("page.open({}, { leaseMs: 3000, pollMs: 600_000 })");
    await second.evaluate("page.open()");
    bench.seen.isHolding = true;
    await first.evaluate('void page.order("order-1")');
    await bench.made(1);
    bench.seen.isHolding = false;
    let ended: unknown;
    do {
      await first.thaw();
      await first.evaluate("page.intents.list({})");
      await first.freeze();
      // It renews its lease: the freeze may hit it in the middle of that, and then the database is away for the other tab.
      ended = await second.evaluate('page.order("order-1", "order-2").catch(({ code }) => code)');
    } while (ended === "ONCE_STORE_UNAVAILABLE");
    expect(ended).toEqual(["done", "done"]);
    await first.thaw();
    await first.evaluate("page.intents.resume()");
    expect(await first.evaluate('page.order("order-1")')).toEqual(["done"]);
    expect([bench.orders.size, bench.seen.requests]).toEqual([2, 3]);
  });

  test("a database that does not open is said so, is asked for anew, and nothing is lost or sent meanwhile", async () => {
    const [holder, tab] = [await browser.newPage(), await browser.newPage()];
    for (const opened of [holder, tab]) await opened.goto(bench.url);
    // A page that does not let go, and a deletion that waits for it: all that come after wait, too.
    const letGo = await holder.evaluateHandle(
      () =>
        new Promise<{ close(): void }>((resolve) => {
          const opening = indexedDB.open("once-again", 1);
          opening.onsuccess = () => resolve(opening.result as unknown as { close(): void });
        }),
    );
    await holder.evaluate(() => void indexedDB.deleteDatabase("once-again"));
    await tab.evaluate(() => page.open());
    expect(await tab.evaluate(() => page.refusal(() => page.order("order-1")))).toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringContaining("has not opened its database"),
    });
    expect(bench.seen.requests).toBe(0);
    await letGo.evaluate((database) => database.close());
    expect(await tab.evaluate(() => page.order("order-1"))).toEqual(["done"]);
    expect(bench.seen.requests).toBe(1);
  });

  test("a database that is deleted under a tab is said to be gone, and made anew", async () => {
    const tab = await bench.openTab(browser);
    bench.seen.isHolding = true;
    const lost = tab.evaluate(() => page.refusal(() => page.order("order-1")));
    await bench.made(1);
    await tab.evaluate(() => new Promise((resolve) => (indexedDB.deleteDatabase("once-again").onsuccess = resolve)));
    expect(await lost).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(await tab.evaluate(() => page.events)).toContainEqual({ type: "removed" });
    bench.seen.isHolding = false;
    expect(await tab.evaluate(() => page.order("order-2"))).toEqual(["done"]);
  });

  test("a newer version in another tab: the old one says that it is to be reloaded, and nothing is lost", async () => {
    const [old, newer] = [await bench.openTab(browser), await bench.openTab(browser)];
    await old.evaluate(() => page.order("order-1"));
    await newer.evaluate(async () => {
      await new Promise((resolve) => (indexedDB.open("once-again", 2).onsuccess = resolve));
    });
    const refused = await old.evaluate(() => page.refusal(() => page.order("order-2")));
    expect(refused).toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringMatching(/Reload this page/),
    });
    expect(await old.evaluate(() => page.events)).toContainEqual({ type: "outdated" });
    const left = await newer.evaluate(
      () =>
        new Promise((resolve) => {
          const opening = indexedDB.open("once-again");
          opening.onsuccess = () => {
            const keys = opening.result.transaction("intents").objectStore("intents").getAllKeys();
            keys.onsuccess = () => resolve(keys.result);
          };
        }),
    );
    expect(left).toEqual(["order-1"]);
  });

  test("a claim among 10,000 intents reads no more than it claims", async () => {
    const tab = await bench.openTab(browser);
    const read = await tab.evaluate(async () => {
      await page.store.add({
        ...{ id: "order", key: "k", fingerprint: "f", giveUpAfterMs: 82_800_000, openMax: 10 },
        request: { method: "POST", url: `${location}orders`, headers: [], body: new Uint8Array(1000) },
      });
      // One transaction of our own, since each `add` is synced by itself.
      await new Promise((resolve) => {
        const opening = indexedDB.open("once-again");
        opening.onsuccess = () => {
          const filling = opening.result.transaction("intents", "readwrite");
          const rows = filling.objectStore("intents");
          const first = rows.get("order");
          first.onsuccess = () => {
            for (let at = 1; at < 10_000; at += 1) rows.put({ ...first.result, id: `order-${at}` });
          };
          filling.oncomplete = resolve;
        };
      });
      await page.store.close();
      const count = { rows: 0, steps: 0 };
      for (const source of [IDBObjectStore, IDBIndex]) {
        const { getAll } = source.prototype;
        source.prototype.getAll = function countRows(...range) {
          const asked = getAll.apply(this, range);
          asked.addEventListener("success", () => (count.rows += asked.result.length));
          return asked;
        };
      }
      const proceed = IDBCursor.prototype.continue;
      IDBCursor.prototype.continue = function countSteps(key) {
        count.steps += 1;
        return proceed.call(this, key);
      };
      const store = page.indexeddbIntents();
      const { intents } = await store.claim({ owner: "o", leaseMs: 1000, limit: 16 });
      return { claimed: intents.length, ...count };
    });
    expect(read).toMatchObject({ claimed: 16, rows: 16 });
    expect(read.steps).toBeLessThan(10);
  });

  test.for(["hold", "send"] as const)(
    "the guide's service worker, `browser-worker.ts`, sends what a closed page left offline, with whenOffline: %o",
    async (whenOffline) => {
      const tab = await bench.openTab(browser);
      await tab.evaluate(async (choice) => {
        page.open({ name: "shop", whenOffline: choice });
        await navigator.serviceWorker.register("/sw.js");
        await navigator.serviceWorker.ready;
        page.resumeOn(page.intents, ["sync"]);
      }, whenOffline);
      await browser.setOffline(true);
      begin(tab, "order-1");
      const tags = () => tab.evaluate(async () => (await navigator.serviceWorker.ready).sync.getTags());
      await expect.poll(tags).toEqual(["once-again"]);
      await tab.close();
      await browser.setOffline(false);
      await bench.made(1);
    },
  );
});

// The globals of the pages, as far as these tests use them.
interface Asked<Result> {
  onsuccess: unknown;
  readonly result: Result;
  addEventListener(type: string, listener: () => void): void;
}
interface Rows {
  get(key: string): Asked<object>;
  getAll(...range: unknown[]): Asked<unknown[]>;
  getAllKeys(): Asked<unknown[]>;
  put(row: object): unknown;
}
interface Database {
  transaction(name: string, mode?: string): { oncomplete: unknown; objectStore(name: string): Rows };
}
declare const IDBObjectStore: { prototype: Rows };
declare const IDBIndex: { prototype: Rows };
declare const IDBCursor: { prototype: { continue(key: unknown): void } };
declare const indexedDB: {
  open(name: string, version?: number): Asked<Database>;
  deleteDatabase(name: string): Asked<unknown>;
};
declare const location: string;
declare const navigator: {
  serviceWorker: {
    register(url: string): Promise<unknown>;
    readonly ready: Promise<{ readonly sync: { getTags(): Promise<string[]> } }>;
  };
};
