import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { formOf, stormsOf } from "../../packages/tools/page/src/storms/storm-form.ts";
import { consoleServer, type ConsoleServer } from "../../packages/tools/src/console/console-server.ts";
import type { StormsResponse } from "../../packages/tools/src/console/storms/storms-protocol.ts";
import { stormsSection } from "../../packages/tools/src/console/storms/storms-section.ts";
import { simulateStorm } from "../../packages/tools/src/simulator/index.ts";
import { runCli } from "../support/cli.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { consoleBrowser, type ConsoleBrowser } from "../support/console-browser.ts";

describeWithServer("the Storms page, in Chromium", chromiumBinary, () => {
  let browser: ConsoleBrowser;
  let server: ConsoleServer;
  beforeAll(async () => void (browser = await consoleBrowser()));
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(async () => {
    server = await consoleServer({ sections: [stormsSection()], page: browser.page });
    onTestFinished(() => server.close());
  });

  const open = async (url = server.url, view: Parameters<ConsoleBrowser["open"]>[1] = {}) => {
    const tab = await browser.open(url, view);
    onTestFinished(() => tab.page.close());
    return tab;
  };
  const simulated = (page: Page) => page.getByRole("button", { name: "Simulate", exact: true }).waitFor();
  const simulate = async (page: Page) => {
    await page.getByRole("button", { name: "Simulate", exact: true }).click();
    await simulated(page);
  };

  test("shows what `once-again storm --json` prints, by the same code", async () => {
    const answered = Promise.withResolvers<StormsResponse>();
    const { page, complaints } = await open(new URL(server.url).origin);
    page.on("response", (response) => {
      if (response.url().endsWith("/api/storms/run") && response.ok()) {
        void response.json().then((answer) => answered.resolve(answer as StormsResponse));
      }
    });
    await page.getByText("To simulate a storm, open the address that the console printed").waitFor();
    expect(await page.getByRole("main").getByRole("button").count()).toBe(0);
    expect(await page.getByRole("main").getByRole("radio").count()).toBe(0);
    await page.goto(server.url);
    await page.reload();
    const { stdout } = await runCli(["storm", "--preset", "thundering-herd", "--json"]);
    const { results } = await answered.promise;
    expect(results).toEqual((JSON.parse(stdout) as StormsResponse).results);
    await page.getByText("In your code").waitFor();
    expect(await page.locator("pre").innerText()).toContain("equalJitter()");
    expect(await page.locator("pre").innerText()).not.toContain('"off"');
    await page.getByText("waits at least half each time").waitFor();
    const rows = await page.locator(".outcomes tbody tr").allInnerTexts();
    for (const [index, result] of results.entries()) {
      expect(rows[index]).toContain(result.name);
      expect(rows[index]).toContain(result.amplification.toFixed(2));
    }
    expect(complaints).toEqual([]);
  });

  test("compares a policy of one's own, in a world of one's own, and gives its code", async () => {
    const { page, complaints } = await open();
    await simulated(page);
    await page.getByRole("spinbutton", { name: "Callers" }).fill("2000");
    await page.getByLabel("It stops for, seconds").fill("5");
    await page.getByLabel("Compare a policy of your own").check();
    await page.getByLabel("Backoff").selectOption("constant");
    await page.getByLabel("Wait, ms").fill("700");
    await page.getByRole("combobox", { name: "Jitter", exact: true }).selectOption("none");
    await page.getByLabel("Retries are paid from").selectOption("none");
    await simulate(page);
    expect(await page.locator(".outcomes tbody tr").count()).toBe(4);
    expect(await page.locator("pre").innerText()).toContain("constantBackoff({ delayMs: 700, jitter: noJitter() })");
    const [last] = stormsOf({
      ...formOf("thundering-herd"),
      load: 2000,
      outageSeconds: 5,
      hasOwn: true,
      backoff: "constant",
      baseMs: 700,
      jitter: "none",
      budget: "none",
    }).slice(-1);
    const { amplification } = simulateStorm(last);
    expect(await page.locator(".outcomes tbody tr").last().innerText()).toContain(amplification.toFixed(2));
    await page.getByRole("combobox", { name: "Policy", exact: true }).selectOption("full jitter");
    expect(await page.locator("pre").innerText()).toContain("fullJitter()");
    // The preset's lesson is about the preset's world.
    expect(await page.getByText("waits at least half each time").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("the plots are described in words, and drawn in every view", async () => {
    const { page, complaints } = await open();
    await simulated(page);
    expect(await page.locator(".plot-frame").getAttribute("aria-label")).toMatch(
      /^Requests per second\. no jitter: up to/,
    );
    await page.getByLabel("Requests in the queue").check();
    expect(await page.locator(".plot-frame").getAttribute("aria-label")).toMatch(/^Requests in the queue\./);
    const [none, , full] = await page
      .locator("canvas[aria-label]")
      .evaluateAll((herds) =>
        herds.map((herd) =>
          Number(/up to ([\d,]+) tried/.exec(herd.getAttribute("aria-label") ?? "")![1]!.replace(",", "")),
        ),
      );
    expect(none).toBeGreaterThan(2 * full!);
    expect(complaints).toEqual([]);
  });

  test("every preset runs, chosen by the keyboard", async () => {
    const { page, complaints } = await open();
    await simulated(page);
    await page.getByLabel("Thundering herd").focus();
    await page.keyboard.press("ArrowDown");
    await page.getByText("funded by successes").first().waitFor();
    await page.keyboard.press("ArrowDown");
    await page.getByText("3 attempts on each of 5 layers").first().waitFor();
    expect(await page.locator(".outcomes tbody tr").first().innerText()).toContain("243.00");
    expect(complaints).toEqual([]);
  });

  test("what makes no sense, or is too large, is said", async () => {
    const run = (body: unknown) =>
      fetch(new URL("/api/storms/run", server.url), {
        method: "POST",
        headers: { authorization: `Bearer ${server.token}` },
        body: JSON.stringify(body),
      }).then(async (response) => [response.status, ((await response.json()) as { problem: string }).problem]);
    expect(await run({ storms: [] })).toEqual([400, "Give 1 to 8 storms."]);
    expect(await run({ storms: [{ seed: -1 }] })).toEqual([400, expect.stringContaining("seed")]);
    expect(await run({ storms: [{ arrivals: { kind: "at-once", callers: 900_000 } }] })).toEqual([
      400,
      expect.stringContaining("once-again storm has no such bound"),
    ]);
  });

  test("it fits a phone, in the dark", async () => {
    const { page, complaints } = await open(server.url, { width: 360, height: 740, dark: true });
    await page.getByText("In your code").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    // Also within its card, which would scroll: a column that nothing points at is not found.
    const outcomes = await page
      .locator(".outcomes")
      .evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
    expect(outcomes).toBe(0);
    const measured = await page.locator(".outcomes tbody tr").first().locator("td.number").count();
    expect(measured).toBe(8);
    expect(complaints).toEqual([]);
  });
});
