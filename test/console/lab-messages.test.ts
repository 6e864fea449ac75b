import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type ConsoleServer, consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { labSections } from "../../packages/tools/src/console/lab/lab-section.ts";
import { audit, readCharges } from "../../packages/tools/src/lab/ledger.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { type ConsoleBrowser, consoleBrowser, type Tab } from "../support/console-browser.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";
import { shippedOrders } from "./lab-client.ts";

// The story of messages on the Lab page as a person has it: real Chromium, real processes behind.

// A run starts some twenty processes, one after the other.
vi.setConfig({ expect: { poll: { timeout: waitMsMax } } });

describeWithServer("the story of messages on the Lab page", chromiumBinary, () => {
  let browser: ConsoleBrowser;
  let folder: string;
  let server: ConsoleServer;
  let tab: Tab;
  let page: Page;

  beforeAll(async () => {
    browser = await consoleBrowser();
  });
  afterAll(async () => browser[Symbol.asyncDispose]());

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "lab-messages-page-test-"));
    vi.stubEnv("TMPDIR", folder);
    server = await consoleServer({ sections: labSections({ orders: shippedOrders }), page: browser.page });
    tab = await browser.open(server.url);
    page = tab.page;
  });
  afterEach(async () => {
    await page.close();
    await server.close();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  /** The newest first. The folder of a run before may still be on its way out, and that of another story has none. */
  const ledgers = (): string[] =>
    readdirSync(folder)
      .map((name) => join(folder, name, "shipments.sqlite"))
      .filter((path) => existsSync(path))
      .sort((one, other) => statSync(other).birthtimeMs - statSync(one).birthtimeMs);
  const button = (name: string, on = page) => on.getByRole("button", { name, exact: true });
  const says = (text: string, on = page) => on.getByRole("status").filter({ hasText: text }).waitFor();
  const totals = async (side: string, on = page): Promise<Record<string, number>> => {
    const names = ["saved", "published", "delivered", "repeats", "shipments", "duplicates", "lost", "faults"];
    const read = async (name: string) => {
      const text = await on.locator(`[data-totals=${side}] [data-total=${name}] .value`).textContent();
      return [name, Number(text?.replaceAll(",", ""))] as const;
    };
    return Object.fromEntries(await Promise.all(names.map(read)));
  };
  const waiting = (side: string, name: string, on = page) =>
    on.getByRole("region", { name: side }).locator(`[data-waiting=${name}] b`).textContent();
  const choose = async (orders: number): Promise<void> => {
    await button("3. Messages").click();
    await says("Ready to save 300 orders.");
    await page.getByLabel("Orders", { exact: true }).fill(String(orders));
    await page.getByLabel("Orders", { exact: true }).blur();
    await says(`Ready to save ${orders} orders.`);
    await page.getByLabel("Speed").selectOption("full");
  };

  test("both pairs are seen at work, reloaded in the middle and in two tabs alike, and judged in the end", async () => {
    await choose(30);
    // So it is in the middle however long the page takes.
    for (const orders of [1, 2]) {
      await button("Step").click();
      const saved = async () => (await totals("careless"))["saved"];
      await expect.poll(saved).toBeGreaterThanOrEqual(orders);
    }
    await says("Paused.");
    // A saved order is still announced and shipped.
    await expect
      .poll(async () => [await waiting("Safe pair", "outbox"), await waiting("Safe pair", "queued")])
      .toEqual(["0", "0"]);
    const orders = shippedOrders.slice(0, 30);
    // A parcel may still be under way, the careless pair's above all, or not even the ledger be there: each look is a new one.
    const showsTheLedger = async (on = page): Promise<void> => {
      const tooMany = async (side: string) => {
        const [ledger] = ledgers();
        if (ledger === undefined) throw new Error("There is no ledger yet.");
        const { charges, duplicates } = await audit(orders, readCharges(ledger, side));
        const shown = await totals(side, on);
        return [shown["shipments"]! - charges, shown["duplicates"]! - duplicates];
      };
      for (const side of ["careless", "safe"]) {
        await expect.poll(() => tooMany(side)).toEqual([0, 0]);
      }
    };
    await showsTheLedger();
    const other = await browser.open(`${server.url.replace(/#.*$/, "")}#lab/messages`, { width: 360, height: 740 });
    const inBothTabs = async (): Promise<void> => {
      await says("Paused.");
      await says("Paused.", other.page);
      const differing = async () => {
        const [here, there] = [await totals("safe"), await totals("safe", other.page)];
        return Object.keys(here).filter((name) => here[name] !== there[name]);
      };
      await expect.poll(differing).toEqual([]);
      await showsTheLedger();
      await showsTheLedger(other.page);
    };
    await inBothTabs();
    // The other one goes on with what it knows.
    await page.reload();
    await inBothTabs();
    expect(await button("3. Messages").getAttribute("aria-pressed")).toBe("true");
    const isTooWide = () => other.page.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth");
    expect(await isTooWide()).toBe(false);
    expect(await button("Go on", other.page).count()).toBe(0);

    await button("Go on").click();
    for (const on of [page, other.page]) {
      await says("Finished.", on);
    }
    const [careless, safe] = [await totals("careless"), await totals("safe")];
    expect(safe).toMatchObject({ saved: 30, shipments: 30, duplicates: 0, lost: 0 });
    // Which of the two it is, is up to the moments of the kills.
    expect(careless["duplicates"]! + careless["lost"]!).toBeGreaterThan(0);
    expect(careless["shipments"]).toBe(30 - careless["lost"]! + careless["duplicates"]!);
    expect(await page.locator("[data-verdict=safe]").textContent()).toBe("✓ 30 orders, each saved and shipped once.");
    const verdict = await page.locator("[data-verdict=careless]").textContent();
    expect(verdict).toMatch(/^✗ /);
    if (careless["duplicates"]! > 0) expect(verdict).toContain(`${careless["duplicates"]} parcel`);
    if (careless["lost"]! > 0) expect(verdict).toContain(`${careless["lost"]} order`);
    await page.locator("[data-incidents=safe]").getByText("known to the inbox").first().waitFor();
    expect(await totals("careless", other.page)).toEqual(careless);
    expect(await isTooWide()).toBe(false);

    // From here to the story of one order, and back to what came of this one.
    await button("1. One order, slowly").click();
    await says("Ready to send one order.");
    await button("3. Messages").click();
    await says("Finished.");
    await button("2. A crowd of orders").click();
    await says("Ready to send 1,000 orders.");
    expect([tab.complaints, other.complaints]).toEqual([[], []]);
    await other.page.close();
  });

  test("what is being entered is not written over by another tab", async () => {
    await button("3. Messages").click();
    await says("Ready to save 300 orders.");
    const other = await browser.open(server.url);
    await button("3. Messages", other.page).click();
    await says("Ready to save 300 orders.", other.page);
    const field = (label: string, on = page) => on.getByLabel(label, { exact: true });
    const seed = "Seed: the same one, the same faults";
    await field("Orders").fill("30");
    await field(seed, other.page).fill("7");
    await field(seed, other.page).blur();
    await expect.poll(() => field(seed).inputValue()).toBe("7");
    await field("Orders").blur();
    await says("Ready to save 30 orders.");
    await says("Ready to save 30 orders.", other.page);
    await other.page.close();
  });

  test("both services die at a button, and are seen dead", async () => {
    await choose(30);
    await button("Step").click();
    await expect.poll(async () => (await totals("safe"))["shipments"]).toBe(1);
    await button("Kill both order services").click();
    const services = ["Careless pair", "Safe pair"].map((side) =>
      page.getByRole("region", { name: side }).locator(".station").filter({ hasText: "Order service" }),
    );
    for (const state of ["✗ killed", "back after kill 1"]) {
      await Promise.all(services.map((service) => service.filter({ hasText: state }).waitFor()));
    }
    await page.locator("[data-incidents=safe]").getByText("the order service was killed").waitFor();
    await button("Reset").click();
    await says("Ready to save 30 orders.");
    expect(await totals("safe")).toMatchObject({ saved: 0, shipments: 0 });
    expect(tab.complaints).toEqual([]);
  });
});
