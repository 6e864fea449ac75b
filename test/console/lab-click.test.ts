import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { clickVerdict } from "../../packages/tools/page/src/lab/click/click-words.ts";
import { type ConsoleServer, consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { labSections } from "../../packages/tools/src/console/lab/lab-section.ts";
import type { ClickPayment, ClickResult, OpenedClick } from "../../packages/tools/src/lab/click/click-protocol.ts";
import { axeFindings } from "../support/axe.ts";
import { type ConsoleBrowser, consoleBrowser } from "../support/console-browser.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { labClient, shippedOrders } from "./lab-client.ts";

// The story of one click: a shop that closes connections after the work, asked by Node's fetch and by Chromium.

let folder: string;
let server: ConsoleServer;
let browser: ConsoleBrowser | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lab-click-test-"));
  vi.stubEnv("TMPDIR", folder);
  server = await consoleServer({ sections: labSections({ orders: shippedOrders }), page: browser?.page ?? folder });
});

afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe("the shop of one click", () => {
  test("charges before it closes the connection; a request sent again is charged again, unless it has a key", async () => {
    await using client = await labClient(server);
    const { click } = (await (await client.post("click/open")).json()) as OpenedClick;
    const counts = () => client.get<ClickResult>(`click/counts?click=${click}`);
    const pay = (payment: ClickPayment) => client.post("click/pay", payment);
    await expect(pay({ click })).rejects.toThrow("fetch failed");
    await expect(pay({ click, key: "one" })).rejects.toThrow("fetch failed");
    const once = { arrivals: 1, charges: 1 };
    expect(await counts()).toEqual({ careless: once, safe: once });
    expect((await pay({ click })).status).toBe(200);
    expect((await pay({ click, key: "one" })).status).toBe(200);
    expect(await counts()).toEqual({ careless: { arrivals: 2, charges: 2 }, safe: { arrivals: 2, charges: 1 } });
    expect(readdirSync(folder)).toHaveLength(1);
    await server.close();
    expect(readdirSync(folder)).toEqual([]);
    server = await consoleServer({ sections: [], page: folder });
  });

  test("each click is counted by itself, and takes ten payments; what no click opened is refused", async () => {
    await using client = await labClient(server);
    const open = async () => ((await (await client.post("click/open")).json()) as OpenedClick).click;
    const [first, second] = [await open(), await open()];
    await client.post("click/pay", { click: first }).catch(() => undefined);
    const statuses: number[] = [];
    for (let sent = 2; sent <= 11; sent += 1) statuses.push((await client.post("click/pay", { click: first })).status);
    expect(statuses).toEqual([...Array.from({ length: 9 }, () => 200), 400]);
    const { careless } = await client.get<ClickResult>(`click/counts?click=${first}`);
    expect(careless).toEqual({ arrivals: 10, charges: 10 });
    const none = { arrivals: 0, charges: 0 };
    expect(await client.get(`click/counts?click=${second}`)).toEqual({ careless: none, safe: none });
    for (const body of [{}, { click: "1" }, { click: 3 }, { click: 0 }, { click: 0.5 }, { click: first, key: 7 }])
      expect((await client.post("click/pay", body)).status).toBe(400);
    expect(await client.get("click/counts?click=3")).toMatchObject({ problem: expect.any(String) });
  });

  test("a lab takes a thousand clicks", async () => {
    await using client = await labClient(server);
    for (let sent = 1; sent <= 1000; sent += 1) await (await client.post("click/open")).text();
    expect((await client.post("click/open")).status).toBe(429);
  });
});

test("the page says that a browser sent it again only where it arrived again", () => {
  const why = (arrivals: number, hasResponse: boolean) =>
    clickVerdict("careless", { arrivals, charges: arrivals }, hasResponse);
  expect(why(2, true)).toEqual({
    text: "You clicked once. The shop charged 2 times.",
    why: "Your browser sent it again. The page sees a success.",
    tone: "bad",
  });
  expect(why(1, false)).toEqual({
    text: "You clicked once. The shop charged once.",
    why: "Your browser did not send it again. The page sees an error, and can’t know that you have paid.",
    tone: "plain",
  });
  expect(why(0, false).text).toBe("Your click did not reach the shop.");
});

describeWithServer("one click on the Lab page", chromiumBinary, () => {
  beforeAll(async () => {
    browser = await consoleBrowser();
  });
  afterAll(async () => browser?.[Symbol.asyncDispose]());

  test("Chromium sends the payment again: two charges without a key, one with it; and so at each click", async () => {
    const { page } = await browser!.open(server.url, { width: 360, height: 740 });
    const api = new URL("api/lab/click/counts?click=", server.url).href;
    const button = page.getByRole("button", { name: "Pay one order" });
    for (const click of [1, 2]) {
      await button.click();
      const side = (name: string) => page.locator(`[data-click=${name}]`);
      // The texts of the click before go at once.
      await expect
        .poll(async () => ((await (await fetch(`${api}${click}`)).json()) as ClickResult).safe?.arrivals)
        .toBe(2);
      await side("safe").waitFor();
      expect(await side("careless").textContent()).toBe(
        "Without a keyYou clicked once. The shop charged 2 times.Your browser sent it again. The page sees a success.",
      );
      expect(await side("safe").textContent()).toBe(
        "With a keyYou clicked once. The shop charged once.Your browser sent it again. The shop knew its key, and gave the first result. The page sees a success.",
      );
      const { careless, safe } = (await (await fetch(`${api}${click}`)).json()) as ClickResult;
      expect([careless, safe]).toEqual([
        { arrivals: 2, charges: 2 },
        { arrivals: 2, charges: 1 },
      ]);
    }
    expect(await page.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth")).toBe(false);
    expect(await axeFindings(page)).toEqual([]);
    await page.close();
  });

  test("who may only look has no button", async () => {
    const { page } = await browser!.open(server.url.replace(/#.*$/, ""));
    await page.getByText("Ready to send one order.").waitFor();
    expect(await page.getByRole("button", { name: "Pay one order" }).count()).toBe(0);
    await page.close();
  });
});
