import { randomUUID } from "node:crypto";
import process from "node:process";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { Pay } from "../../examples/browser/react.ts";
import { openIntents } from "../../packages/once-again/src/intents/index.ts";
import { indexeddbIntents } from "../../packages/once-again/src/stores/indexeddb/index.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { browserBench } from "./browser-bench.ts";
import type { GuidePage } from "./guide-page.ts";
import type { ShownAgainPage } from "./shown-again-page.ts";

declare global {
  // oxlint-disable-next-line no-var -- Declares a property of `globalThis`.
  var pay: GuidePage["pay"];
  // oxlint-disable-next-line no-var -- Declares a property of `globalThis`.
  var shownAgain: ShownAgainPage;
}

/** The page's own, to which Playwright sends a function. */
declare const IDBFactory: { prototype: { open: unknown } };

test("a server that renders many pages stores nothing of them", () => {
  const intents = openIntents({ store: indexeddbIntents() });
  const render = (pages: number): void => {
    for (let page = 0; page < pages; page += 1) {
      renderToString(createElement(Pay, { intents, url: "http://shop.example/", order: { id: randomUUID() } }));
    }
  };
  const heldBytes = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  render(1000);
  const before = heldBytes();
  render(10_000);
  // One that is stored takes more than a kilobyte.
  expect(heldBytes() - before).toBeLessThan(5_000_000);
});

test("a server renders the button, disabled, and asks no store", () => {
  const intents = openIntents({ store: indexeddbIntents() });
  const html = renderToString(createElement(Pay, { intents, url: "http://shop.example/", order: { id: "42" } }));
  expect(html).toBe('<button disabled="">Pay</button>');
});

describeWithServer("the guide's programs in Chromium", chromiumBinary, () => {
  test("`browser.ts` pays an order once, from two tabs", async () => {
    const bench = await browserBench("guide-page.ts");
    const browser = await bench.launch();
    const tabs = [await browser.newPage(), await browser.newPage()];
    await Promise.all(tabs.map((tab) => tab.goto(bench.url)));
    const paid = await Promise.all(tabs.map((tab) => tab.evaluate(() => globalThis.pay({ id: "42", amount: 7 }))));
    expect(paid).toEqual(["paid", "paid"]);
    expect(bench.orders.size).toBe(1);
  });

  test("useOnceMutation in `react.ts` and `swr.ts` pays once, over presses, reloads and two tabs", async () => {
    const bench = await browserBench("react-page.ts");
    const browser = await bench.launch();
    const [one, other] = [await browser.newPage(), await browser.newPage()];
    await Promise.all([one.goto(bench.url), other.goto(bench.url)]);
    bench.seen.isHolding = true;
    await one.getByRole("button", { name: "Pay", exact: true }).click();
    await bench.made(1);
    bench.seen.isHolding = false;
    // The effect is there, and its answer is lost with the page.
    await one.reload();
    await one.getByText("Paid").waitFor();
    await other.getByRole("button", { name: "Pay", exact: true }).click();
    await other.getByText("Paid").waitFor();
    expect(bench.orders.size).toBe(1);
    await one.getByRole("button", { name: "Pay by SWR" }).click();
    await one.getByText("SWR 201").waitFor();
    expect(bench.orders.size).toBe(2);
  });

  test("two components with one id show one state: a press of one disables both", async () => {
    const bench = await browserBench("react-page.ts");
    const browser = await bench.launch();
    const tab = await browser.newPage();
    await tab.goto(`${bench.url}/?order=44&buttons=2`);
    const buttons = tab.getByRole("button", { name: "Pay", exact: true });
    bench.seen.isHolding = true;
    await buttons.first().click();
    await bench.made(1);
    expect(
      await buttons.evaluateAll((all) => all.map((button) => (button as { disabled?: boolean }).disabled)),
    ).toEqual([true, true]);
    bench.seen.isHolding = false;
    await tab.reload();
    await tab.getByText("Paid").nth(1).waitFor();
    expect(bench.orders.size).toBe(1);
  });

  test("useOnceMutation offers a new try after a failure, and none while the outcome is unknown", async () => {
    const bench = await browserBench("react-page.ts");
    const browser = await bench.launch();
    const tab = await browser.newPage();
    await tab.goto(`${bench.url}/?order=43`);
    bench.seen.next.push({ status: 402 }, { status: 500, headers: { "idempotent-replayed": "true" } });
    await tab.getByRole("button", { name: "Pay", exact: true }).click();
    await tab.getByRole("button", { name: "Try again" }).click();
    await tab.getByText("We are looking your payment up").waitFor();
    await tab.reload();
    await tab.getByText("We are looking your payment up").waitFor();
    expect(bench.seen.requests).toBe(2);
  });

  test("where the browser lets the site store nothing, the button pays from memory, and says that the page has to stay open", async () => {
    const bench = await browserBench("libraries-page.ts");
    const tab = await (await bench.launch()).newPage();
    await tab.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
      };
    });
    await tab.goto(`${bench.url}/?library=react`);
    bench.seen.isHolding = true;
    await tab.getByRole("button", { name: "Pay", exact: true }).click();
    await tab.getByText("Please keep this page open").waitFor();
    await bench.made(1);
    bench.answerHeld();
    await tab.getByText("Paid", { exact: true }).waitFor();
    expect(bench.orders.size).toBe(1);
  });

  test("a component that is removed while it sends, and comes back, shows how that ends", async () => {
    const bench = await browserBench("shown-again-page.ts");
    const tab = await (await bench.launch()).newPage();
    await tab.goto(bench.url);
    await tab.evaluate(() => globalThis.shownAgain.show("visible", "removed"));
    await tab.locator("button:enabled").click({ trial: true });
    await tab.evaluate(() => globalThis.shownAgain.pressAndReplace());
    await tab.getByText("Paid").waitFor();
    expect(bench.orders.size).toBe(1);
  });

  test("a component that React hid shows what another one with its id did meanwhile, and does then", async () => {
    const bench = await browserBench("shown-again-page.ts");
    const tab = await (await bench.launch()).newPage();
    await tab.goto(bench.url);
    await tab.evaluate(() => globalThis.shownAgain.show("visible", "removed"));
    await tab.locator("button:enabled").click({ trial: true });
    await tab.evaluate(() => globalThis.shownAgain.show("hidden", "removed"));
    await tab.evaluate(() => globalThis.shownAgain.show("hidden", "visible"));
    bench.seen.next.push({ status: 402 });
    await tab.locator("button:enabled").last().click();
    await tab.getByText("Try again").waitFor();
    await tab.evaluate(() => globalThis.shownAgain.show("visible", "visible"));
    await tab.getByText("Try again").nth(1).waitFor();
    await tab.getByText("Try again").first().click();
    await tab.getByText("Paid").nth(1).waitFor();
    expect([bench.orders.size, bench.seen.requests]).toEqual([1, 2]);
  });
});
