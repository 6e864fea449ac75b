import { expect, test } from "vitest";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { browserBench } from "./browser-bench.ts";
import type { GuideIntents } from "./guide-intents-page.ts";

declare const guide: GuideIntents;
declare const location: string;
declare const IDBFactory: { prototype: { open: unknown } };

describeWithServer("more programs of the guide for browsers, in Chromium", chromiumBinary, () => {
  test("`browser-seed` makes one order of two devices that pay the same", async () => {
    const bench = await browserBench("guide-intents-page.ts");
    for (const device of [undefined, temporaryFolder()]) {
      const tab = await (await bench.launch(device)).newPage();
      await tab.goto(bench.url);
      const state = await tab.evaluate(async () => {
        const intents = guide.intentsOf({ id: "acme", seed: "sixteen bytes or more of the account" });
        const order = { url: new URL("/orders", location), method: "POST", body: "order-7" };
        return (await intents.submit("order-7", order)).state;
      });
      expect(state).toBe("done");
    }
    expect([bench.orders.size, bench.seen.requests]).toEqual([1, 2]);
  });

  test("`browser-memory` goes on in the memory of the page where the browser stores nothing", async () => {
    const bench = await browserBench("guide-intents-page.ts");
    const tab = await (await bench.launch()).newPage();
    await tab.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
      };
    });
    await tab.goto(bench.url);
    const ended = await tab.evaluate(async () => {
      const order = { url: new URL("/orders", location), method: "POST", body: "order-7" };
      return [(await guide.intents.submit("order-7", order)).state, guide.intents.durability()];
    });
    expect(ended).toEqual(["done", "memory"]);
    expect(bench.orders.size).toBe(1);
  });
});
