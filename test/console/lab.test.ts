import { mkdtempSync, rmSync } from "node:fs";
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
import { isRunning, labDatabases, shippedOrders } from "./lab-client.ts";

// The Lab page as a person has it: real Chromium, real processes behind.

describeWithServer("the Lab page", chromiumBinary, () => {
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
    folder = mkdtempSync(join(tmpdir(), "lab-page-test-"));
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

  const button = (name: string) => page.getByRole("button", { name, exact: true });
  const status = () => page.getByRole("status");
  const says = (text: string) => status().filter({ hasText: text }).waitFor();
  const total = async (caller: string, name: string): Promise<number> => {
    const text = await page.locator(`[data-totals=${caller}] [data-total=${name}] .value`).textContent();
    return Number(text?.replaceAll(",", ""));
  };
  const totals = async (caller: string): Promise<Record<string, number>> => {
    const names = ["confirmed", "charges", "duplicates", "lost", "inDoubt"];
    return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await total(caller, name)] as const)));
  };
  const story = (caller: string): Promise<string[]> => page.locator(`[data-story=${caller}] li`).allTextContents();
  const chooseCrowd = async (orders: number): Promise<void> => {
    await button("2. A crowd of orders").click();
    await says("Ready to send 1,000 orders.");
    await page.getByLabel("Orders", { exact: true }).fill(String(orders));
    await page.getByLabel("Orders", { exact: true }).blur();
    await says(`Ready to send ${orders} orders.`);
    await page.getByLabel("Speed").selectOption("full");
  };
  const settledAtLeast = async (caller: string, orders: number): Promise<void> => {
    await expect
      .poll(async () => (await total(caller, "confirmed")) + (await total(caller, "inDoubt")))
      .toBeGreaterThanOrEqual(orders);
  };

  test("the keys of its API are on the Keys page while it runs, and how many were answered from memory", async () => {
    await chooseCrowd(900);
    await page.getByLabel("Speed").selectOption({ index: 0 });
    await button("Start").click();
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByText("✓ responds").waitFor();
    await page.getByLabel("State").selectOption("all states");
    await page.locator("tbody tr .state.done").first().waitFor();
    await page.getByText("repeated responses, per minute").waitFor();
    await expect.poll(() => page.locator("tbody tr").count()).toBeGreaterThan(4);
    await page.getByRole("link", { name: "Lab" }).click();
    await button("Pause").click();
    await says("Paused.");
    await button("Reset").click();
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByText("There is no store now.").first().waitFor();
    expect(tab.complaints).toEqual([]);
  });

  test("the story says in plain words why the one charges twice and the other doesn't", async () => {
    await says("Ready to send one order.");
    await button("Start").click();
    await says("Finished.");
    expect(await story("careless")).toEqual([
      "It sends the order.",
      "The API charges the card. Its answer got lost.",
      "No answer. Did the order arrive, or not? The caller can’t know.",
      "So it sends the order again. Nothing in it says that it is the same order.",
      "The API charges the card a second time, and its answer arrives.",
      "✗ One order, 2 charges. The customer has paid twice.",
    ]);
    const [sent = "", , , again = "", ...end] = await story("safe");
    const key = /\((\w+…)\)/.exec(sent)?.[1] ?? "no key";
    expect(again).toBe(`So it sends the order again, with the same key (${key}).`);
    expect(end).toEqual([
      "The API knows this key. It charges nothing, and gives its first answer once more.",
      "✓ One order, one charge.",
    ]);
    expect(await totals("careless")).toEqual({ confirmed: 1, charges: 2, duplicates: 1, lost: 0, inDoubt: 0 });
    expect(await totals("safe")).toEqual({ confirmed: 1, charges: 1, duplicates: 0, lost: 0, inDoubt: 0 });
    expect(await page.locator("[data-ledger=careless] tr").filter({ hasText: "✗ charged again" }).count()).toBe(1);
    await button("Now with a crowd").click();
    await says("Ready to send 1,000 orders.");
    expect(tab.complaints).toEqual([]);
  });

  test("a crowd, paused in the middle, shows what its ledger has; at its end the safe side is right", async () => {
    await chooseCrowd(40);
    // So it is in the middle however long the page takes.
    for (let steps = 0; steps < 12; steps += 1) await button("Step").click();
    await settledAtLeast("safe", 1);
    await says("Paused.");
    for (const caller of ["careless", "safe"] as const) {
      const [database = ""] = labDatabases(folder);
      await expect
        .poll(async () => {
          const { charges, duplicates } = await audit(shippedOrders.slice(0, 40), readCharges(database, caller));
          return { charges, duplicates, shown: await totals(caller) };
        })
        .toSatisfy(({ charges, duplicates, shown }) => shown.charges === charges && shown.duplicates === duplicates);
    }
    await button("Go on").click();
    await says("Finished.");
    const [careless, safe] = [await totals("careless"), await totals("safe")];
    expect(safe).toEqual({ confirmed: 40, charges: 40, duplicates: 0, lost: 0, inDoubt: 0 });
    expect(careless["duplicates"]).toBeGreaterThan(0);
    expect(careless["charges"]).toBe(40 - careless["lost"]! + careless["duplicates"]!);

    await button("Charged too often").click();
    const rows = page.locator("[data-order]");
    await rows.first().waitFor();
    await expect.poll(() => rows.filter({ hasNotText: "✗ charged" }).count()).toBe(0);
    expect(await rows.count()).toBeGreaterThan(0);
    expect(await page.locator("td[data-caller=Safe]").filter({ hasText: "✗" }).count()).toBe(0);
    await button("Answered from memory").click();
    await expect.poll(() => page.getByRole("img", { name: "answered from memory" }).count()).toBeGreaterThan(1);
    await button("Reset").click();
    await says("Ready to send 40 orders.");
    expect(await totals("safe")).toEqual({ confirmed: 0, charges: 0, duplicates: 0, lost: 0, inDoubt: 0 });
    expect(tab.complaints).toEqual([]);
  });

  test("each scenario has a switch and a rate", async () => {
    await chooseCrowd(30);
    for (const name of ["Lose requests", "Let requests fail"]) {
      await page.getByRole("switch", { name }).click();
      await expect.poll(() => page.getByLabel(`${name}: share`).isDisabled()).toBe(true);
    }
    await page.getByLabel("Lose answers: share").fill("30");
    await page.getByText("30%").waitFor();
    await button("Start").click();
    await says("Finished.");
    const pictures = (name: string) => page.locator(".order-rows").getByRole("img", { name }).count();
    await expect.poll(() => pictures("answer lost")).toBeGreaterThan(0);
    expect([await pictures("lost on the way"), await pictures("arrived, failed")]).toEqual([0, 0]);
    expect(await totals("safe")).toMatchObject({ confirmed: 30, charges: 30 });
    expect(tab.complaints).toEqual([]);
  });

  test("the API and the callers die at a button, are seen dead, and come back as other processes", async () => {
    await chooseCrowd(80);
    // Each caller has sent one request and waits with others, however long the page takes.
    await button("Step").click();
    await says("Paused.");
    const process = (caller: string, name: string) =>
      page
        .getByRole("region", { name: `${caller} caller` })
        .locator(".station")
        .filter({ hasText: name });
    const pidOf = async (caller: string, name: string): Promise<number> =>
      Number(/process (\d+)/.exec((await process(caller, name).textContent()) ?? "")?.[1]);
    for (const [label, caller, name] of [
      ["Kill the API", "Safe", "API"],
      ["Kill the careless caller", "Careless", "Caller"],
      ["Kill the safe caller", "Safe", "Caller"],
    ] as const) {
      const before = await pidOf(caller, name);
      await button(label).click();
      await process(caller, name).filter({ hasText: "✗ killed" }).waitFor();
      await expect.poll(() => isRunning(before)).toBe(false);
      await process(caller, name)
        .filter({ hasText: /back after kill 1|done/ })
        .waitFor();
      expect(await pidOf(caller, name)).not.toBe(before);
    }
    await button("Go on").click();
    await says("Finished.");
    expect(await totals("safe")).toEqual({ confirmed: 80, charges: 80, duplicates: 0, lost: 0, inDoubt: 0 });
    expect(tab.complaints).toEqual([]);
  });

  test("with the keyboard alone, step by step, on a screen of 360 pixels", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const isTooWide = () => page.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth");
    const press = async (name: string): Promise<void> => {
      const wanted = button(name);
      await expect.poll(() => wanted.isEnabled()).toBe(true);
      // Tab alone leads to it, from wherever the focus is.
      for (let tabs = 0; tabs < 60; tabs += 1) {
        if ((await wanted.and(page.locator(":focus")).count()) > 0) break;
        await page.keyboard.press("Tab");
      }
      await page.keyboard.press("Enter");
    };
    await page.getByLabel("Speed").selectOption("full");
    expect(await isTooWide()).toBe(false);
    await press("Step");
    await expect.poll(() => story("careless")).toHaveLength(3);
    await expect.poll(() => story("safe")).toHaveLength(3);
    expect(await totals("careless")).toMatchObject({ confirmed: 0, charges: 1 });
    await page.getByText("1 request waits to be let go").nth(1).waitFor();
    await press("Step");
    await says("Finished.");
    expect([await total("careless", "charges"), await total("safe", "charges")]).toEqual([2, 1]);
    // The widest row that a crowd has is one line of the ledger.
    const row = page.locator("[data-ledger=careless] tr").filter({ hasText: "✗ charged again" });
    for (const [at, text] of ["row 9,999", "order 1,000", "CHF 240.45"].entries()) {
      await row
        .locator("td")
        .nth(at)
        .evaluate((cell, textContent) => void Object.assign(cell, { textContent }), text);
    }
    const box = (await row.boundingBox())!;
    expect(box.height).toBeLessThan(32);
    expect(box.x + box.width).toBeLessThanOrEqual(360);
    await press("2. A crowd of orders");
    await says("Ready to send");
    await page.getByRole("switch", { name: "Let requests fail" }).press("Space");
    await page.getByText("off").waitFor();
    await press("Step");
    await page.locator("[data-order]").first().waitFor();
    expect(await isTooWide()).toBe(false);
    expect(tab.complaints).toEqual([]);
  });

  test("a console that is gone is said to be, and nothing can be pressed", async () => {
    await says("Ready to send one order.");
    await server.close();
    await page.getByRole("alert").filter({ hasText: "Trying again" }).waitFor();
    for (const name of ["Start", "Step", "Kill the API"]) expect(await button(name).isDisabled()).toBe(true);
  });

  test("without the token a page may look, has no button that it may not press, and says what it needs", async () => {
    const other = await browser.open(server.url.replace(/#.*$/, ""));
    await other.page.getByText("open the address that the console printed").waitFor();
    for (const name of ["Start", "Step", "Reset", "Kill the API"]) {
      expect(await other.page.getByRole("button", { name, exact: true }).count()).toBe(0);
    }
    await button("2. A crowd of orders").click();
    await other.page.getByText("Ready to send 1,000 orders.").waitFor();
    expect(other.complaints).toEqual([]);
    await other.page.close();
  });
});
