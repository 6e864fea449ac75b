import type { BrowserContext, Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { startShop } from "../../examples/checkout/shop.ts";
import { chromiumBinary, launchWithProfile } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const button = (tab: Page, route: "careless" | "safe") =>
  tab.locator("section", { has: tab.getByRole("heading", { name: route }) }).getByRole("button");

async function checkout(): Promise<{ shop: Awaited<ReturnType<typeof startShop>>; browser: BrowserContext }> {
  const shop = await startShop();
  onTestFinished(() => shop.close());
  const browser = await launchWithProfile(temporaryFolder());
  onTestFinished(() => browser.close());
  return { shop, browser };
}

const routesOf = (shop: { readonly charges: readonly { readonly route: string }[] }): string[] =>
  shop.charges.map(({ route }) => route);

describeWithServer("examples/checkout", chromiumBinary, () => {
  test("the careless customer, who gets no answer and presses again, pays twice", async () => {
    const { shop, browser } = await checkout();
    const tab = await browser.newPage();
    await tab.goto(shop.url);
    await button(tab, "careless").click();
    await tab.getByRole("button", { name: "No answer. Pay again?" }).click();
    await tab.getByRole("button", { name: "Paid" }).waitFor();
    expect(routesOf(shop)).toEqual(["careless", "careless"]);
  });

  test("the safe one pays once: with a reload in the middle, in two tabs, and with a tab closed", async () => {
    const { shop, browser } = await checkout();
    const [one, other] = [await browser.newPage(), await browser.newPage()];
    await Promise.all([one.goto(shop.url), other.goto(shop.url)]);
    await button(one, "safe").click();
    await expect.poll(() => shop.charges.length).toBe(1);
    await one.reload();
    await one.getByRole("button", { name: "Paid" }).waitFor();
    await one.close();
    await button(other, "safe").click();
    await other.getByRole("button", { name: "Paid" }).waitFor();
    expect(routesOf(shop)).toEqual(["safe"]);
  });
});
