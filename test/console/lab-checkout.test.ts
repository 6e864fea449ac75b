import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConsoleServer, consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { labSections } from "../../packages/tools/src/console/lab/lab-section.ts";
import type { CheckoutState } from "../../packages/tools/src/lab/checkout/checkout-protocol.ts";
import { axeFindings } from "../support/axe.ts";
import { type ConsoleBrowser, consoleBrowser } from "../support/console-browser.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { checkoutClient, isRunning, shippedOrders } from "./lab-client.ts";

// The story of the checkout: behind the console's page, and as a person has it. Its browsers are real processes.

let folder: string;
let server: ConsoleServer;
let browser: ConsoleBrowser | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lab-checkout-test-"));
  vi.stubEnv("TMPDIR", folder);
  server = await consoleServer({ sections: labSections({ orders: shippedOrders }), page: browser?.page ?? folder });
});

afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const folders = (): string[] => readdirSync(folder).filter((name) => name.startsWith("once-again-lab-"));
const pidsOf = ({ sides }: CheckoutState): number[] =>
  Object.values(sides).flatMap(({ browser: view }) => (view === undefined ? [] : [view.pid]));
const isFinished = ({ phase }: CheckoutState): boolean => phase === "finished";

describe("the story of the checkout", () => {
  test("killed after the charge and before its answer, the careless customer pays twice, the other once", async () => {
    await using client = await checkoutClient(server);
    expect(client.first).toMatchObject({ event: "snapshot", update: { phase: "idle", run: 0 } });
    await client.post("settings", { speed: "full" });
    await client.post("start");
    const pids = pidsOf(await client.until(({ phase }) => phase === "running"));
    const { sides } = await client.until(isFinished);
    const story = (side: keyof typeof sides) => sides[side].events.map(({ what }) => what);
    const untilTheKill = ["pressed", "sent", "charged", "lost-answer", "killed", "restarted"];
    expect(story("careless")).toEqual([...untilTheKill, "pressed-again", "sent-again", "charged", "response"]);
    expect(story("safe")).toEqual([...untilTheKill, "resumed", "sent-again", "replayed"]);
    expect([sides.careless.ledger.length, sides.safe.ledger.length]).toEqual([2, 1]);
    expect([sides.careless.button, sides.safe.button]).toEqual(["paid", "paid"]);
    expect(new Set(pids).size).toBe(2);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(folders()).toEqual([]);
  });

  test("where the request itself was lost both pay once; step by step each customer does one thing", async () => {
    await using client = await checkoutClient(server);
    await client.post("settings", { lost: "request", speed: "full" });
    const all = (isSo: (side: CheckoutState["sides"]["safe"]) => boolean) => (state: CheckoutState) =>
      Object.values(state.sides).every(isSo);
    await client.post("step");
    const pressed = await client.until(all(({ events }) => events.some(({ what }) => what === "lost-request")));
    expect(pressed.phase).toBe("paused");
    await client.post("step");
    await client.until(all(({ browser: view }) => view?.state === "killed"));
    const back = await client.until(all(({ events }) => events.some(({ what }) => what === "restarted")));
    expect(pidsOf(back)).not.toEqual(pidsOf(pressed));
    expect(pidsOf(pressed).filter(isRunning)).toEqual([]);
    expect((await client.post("settings", { lost: "answer" })).status).toBe(400);
    await client.post("start");
    const { sides } = await client.until(isFinished);
    expect([sides.careless.ledger.length, sides.safe.ledger.length]).toEqual([1, 1]);
  });

  test("closing the console in the middle of a run ends every process and takes the folder away", async () => {
    await using client = await checkoutClient(server);
    await client.post("step");
    const pids = pidsOf(await client.until(({ sides }) => sides.safe.events.some(({ what }) => what === "charged")));
    expect(pids.filter(isRunning)).toHaveLength(2);
    await server.close();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(folders()).toEqual([]);
    server = await consoleServer({ sections: [], page: folder });
  });

  test("a reset forgets the run", async () => {
    await using client = await checkoutClient(server);
    await client.post("step");
    await client.until(({ sides }) => sides.careless.events.length > 0);
    await client.post("reset");
    const { sides } = await client.until(({ phase }) => phase === "idle");
    expect(sides.careless).toMatchObject({ events: [], ledger: [] });
    expect(folders()).toEqual([]);
  });

  test.for<[body: unknown, problem: string]>([
    [{ lost: "key" }, "lost must be"],
    [{ speed: "warp" }, "speed must be"],
    [{ constructor: 1 }, "settings must be of"],
    ["fast", "settings must be an object"],
  ])("settings %j are refused", async ([body, problem]) => {
    await using client = await checkoutClient(server);
    const answer = await client.post("settings", body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ problem: expect.stringContaining(problem) as string });
  });
});

describeWithServer("the story of the checkout on the Lab page", chromiumBinary, () => {
  beforeAll(async () => {
    browser = await consoleBrowser();
  });
  afterAll(async () => browser?.[Symbol.asyncDispose]());

  const says = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();

  test("both browsers are seen to die and to come back, in two tabs alike, and the orders are judged", async () => {
    const tab = await browser!.open(server.url);
    const { page } = tab;
    await page.getByRole("button", { name: "4. Checkout" }).click();
    await says(page, "Ready to pay one order.");
    const phone = await browser!.open(`${server.url.replace(/#.*$/, "")}#lab/checkout`, { width: 360, height: 740 });
    await page.getByLabel("Speed").selectOption("fast");
    await page.getByRole("button", { name: "Start" }).click();
    for (const name of ["The careless page", "The page with intents"]) {
      const station = page.getByRole("region", { name }).locator(".station");
      await station.filter({ hasText: "✗ killed" }).waitFor();
    }
    for (const on of [page, phone.page]) {
      await says(on, "Finished. Charges: careless 2, safe 1.");
      const verdict = (name: string) => on.locator(`[data-lane=${name}] .play-verdict`).textContent();
      expect([await verdict("careless"), await verdict("safe")]).toEqual(["✗ charged 2 times", "✓ charged once"]);
      expect(await on.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth")).toBe(false);
      expect(await axeFindings(on)).toEqual([]);
    }
    expect(await phone.page.getByRole("button", { name: "Run again" }).count()).toBe(0);
    const why = page.getByRole("region", { name: "Why" });
    expect(await why.textContent()).toContain("the careless customer paid twice");
    await page.getByLabel("The payment itself").check();
    expect(await why.textContent()).toContain("the careless customer paid twice");
    await page.getByRole("button", { name: "Run again" }).click();
    await says(page, "Finished. Charges: careless 1, safe 1.");
    expect(await why.textContent()).toContain("each customer paid once");
    await page.getByRole("button", { name: "2. A crowd of orders" }).click();
    await says(page, "Ready to send 1,000 orders.");
    expect([tab.complaints, phone.complaints]).toEqual([[], []]);
    await Promise.all([page.close(), phone.page.close()]);
  });
});
