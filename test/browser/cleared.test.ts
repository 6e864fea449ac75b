import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { browserBench } from "./browser-bench.ts";

/** Removes the site's databases, as the user does it in the browser's settings. */
async function clearData(tab: Page): Promise<void> {
  const devtools = await tab.context().newCDPSession(tab);
  await devtools.send("Storage.clearDataForOrigin", { origin: new URL(tab.url()).origin, storageTypes: "indexeddb" });
}

describeWithServer("site data that are cleared while a customer pays, in Chromium", chromiumBinary, () => {
  for (const library of ["react", "vue", "svelte"]) {
    for (const when of ["while the answer is under way", "after the answer was lost"]) {
      test(`by ${library}, ${when}: the button says that it may be paid, and the next press is the same payment`, async () => {
        const bench = await browserBench("libraries-page.ts");
        const tab = await (await bench.launch()).newPage();
        await tab.goto(`${bench.url}/?library=${library}`);
        bench.seen.isHolding = true;
        await tab.getByRole("button", { name: "Pay", exact: true }).click();
        await bench.made(1);
        if (when.startsWith("after")) {
          bench.seen.next = Array.from({ length: 100_000 }, () => ({ status: 500 }));
          bench.loseHeld();
          const requests = bench.seen.requests;
          await expect.poll(() => bench.seen.requests).toBeGreaterThan(requests);
        }
        await clearData(tab);
        const ask = tab.getByRole("button", { name: "It may be paid. Ask the shop" });
        await ask.waitFor();
        bench.seen.next = [];
        await ask.click();
        await tab.getByText("Paid", { exact: true }).waitFor();
        expect(bench.orders.size).toBe(1);
      });
    }
  }
});
