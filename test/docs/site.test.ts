import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { runCheckout } from "../../packages/tools/page/src/playground/checkout/checkout-run.ts";
import { customers, pageKinds } from "../../packages/tools/page/src/playground/checkout/checkout-settings.ts";
import { runCrash } from "../../packages/tools/page/src/playground/crash/crash-run.ts";
import { callerKinds } from "../../packages/tools/page/src/playground/crash/crash-settings.ts";
import { formOf, stormsOf } from "../../packages/tools/page/src/storms/storm-form.ts";
import { simulateStorm } from "../../packages/tools/src/simulator/index.ts";
import { modules } from "../../scripts/entries.ts";
import { axeFindings } from "../support/axe.ts";
import { serveFolder, type ServedFolder } from "../support/serve-folder.ts";
import { chromiumBinary, launchChromium } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";

// The site as `npm run docs:build` makes it, at the path that it has on GitHub Pages.

const base = "/once-again/";

const views: Readonly<Record<string, BrowserContextOptions>> = {
  "a desktop, light": { viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  "a desktop, dark": { viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  "a phone, light": { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
  "a phone, dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark", isMobile: true, hasTouch: true },
};

describeWithServer("the site, in Chromium", chromiumBinary, () => {
  const folder = folderOfSuite();
  let site: ServedFolder;
  let browser: Browser;

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, ["scripts/docs.ts", "--out", folder(), "--base", base]);
    [site, browser] = await Promise.all([serveFolder(folder(), base), launchChromium()]);
  });
  afterAll(async () => {
    await browser.close();
    await site[Symbol.asyncDispose]();
  });

  /** Opens a page. What it complains of fails the test in the end. */
  async function open(path: string, view: BrowserContextOptions = views["a desktop, light"]!): Promise<Page> {
    const context = await browser.newContext({ reducedMotion: "reduce", ...view });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));
    page.on("pageerror", (error) => void complaints.push(error.message));
    onTestFinished(async () => {
      await context.close();
      expect(complaints).toEqual([]);
    });
    await page.goto(site.url + path);
    // VitePress has taken over what it rendered.
    await page.waitForFunction("document.documentElement.dataset.wrap !== undefined");
    return page;
  }

  const overflow = (page: Page) => page.evaluate("document.documentElement.scrollWidth - innerWidth");

  describe.each(Object.entries(views))("on %s", (_, view) => {
    test.each(["", "start", "api/", "guides/choosing-a-store"])(
      "axe finds nothing on /%s, and nothing is cut off",
      async (path) => {
        const page = await open(path, view);
        expect(await axeFindings(page)).toEqual([]);
        expect(await overflow(page)).toBe(0);
      },
    );
  });

  test("the first screen says what it is, how to install it, and where to start", async () => {
    const page = await open("");
    await expect(page.title()).resolves.toBe("Retry again, happen once | once-again");
    for (const text of [
      "Retry again, happen once",
      "npm install once-again",
      "npx @once-again/tools lab",
      "Get started",
    ]) {
      const box = await page.getByText(text).first().boundingBox();
      expect(box!.y + box!.height).toBeLessThan(900);
    }
    const picture = page.getByRole("img", { name: "A charge is made" });
    const { y, height } = (await picture.boundingBox())!;
    expect(y + height).toBeLessThan(900);
    for (const name of ["Express", "PostgreSQL", "axios", "RabbitMQ"])
      await page.getByRole("link", { name, exact: true }).waitFor();
    await page.getByRole("link", { name: "Get started" }).click();
    await page.waitForURL(`${site.url}start.html`);
  });

  test("commands are those of the package manager that was chosen, on every page", async () => {
    const page = await open("");
    await page.getByRole("radio", { name: "npm", exact: true }).focus();
    await page.keyboard.press("ArrowRight");
    await page.getByText("pnpm add once-again").waitFor();
    expect(await page.getByText("npm install once-again", { exact: true }).isVisible()).toBe(false);
    await page.goto(`${site.url}guides/create`);
    await page.getByText("pnpm create once-again shop --framework express").waitFor();
  });

  test("a search begins with a word of what is going on, and finds without the index before", async () => {
    const page = await open("start");
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => void (release = resolve));
    let asked = 0;
    await page.route(/localSearchIndexroot/, async (route) => {
      asked += 1;
      await held;
      await route.continue();
    });
    const requested = page.waitForRequest(/localSearchIndexroot/);
    await page.getByRole("button", { name: "Search" }).focus();
    await requested;
    await page.keyboard.press("Enter");
    const results = page.locator(".VPLocalSearchBox .results");
    const says = () =>
      page.evaluate('getComputedStyle(document.querySelector(".VPLocalSearchBox .results"), "::before").content');
    await results.waitFor({ state: "attached" });
    expect(await says()).toBe('"A word, an option, or the code of an error."');
    await page.keyboard.type("retentionMs");
    expect(await says()).toBe('"Searching…"');
    release();
    await results.getByRole("option").first().waitFor();
    expect(await says()).toBe("none");
    expect(asked).toBe(1);
  });

  test("long lines wrap when a reader wants it, and then on every page", async () => {
    const page = await open("guides/frameworks");
    const code = page.locator("div[class*=language-]:has(button.wrap) pre").first();
    const overflowOf = () => code.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
    await page.setViewportSize({ width: 800, height: 800 });
    expect(await overflowOf()).toBeGreaterThan(0);
    const button = page.getByRole("button", { name: "Wrap" }).first();
    await button.focus();
    await page.keyboard.press("Enter");
    expect(await overflowOf()).toBe(0);
    expect(await button.getAttribute("aria-pressed")).toBe("true");
    await page.goto(`${site.url}guides/recipes`);
    await page.locator("button.wrap[aria-pressed=true]").first().waitFor();
  });

  test("programs of 120 characters fit on a wide screen", async () => {
    const page = await open("guides/frameworks", { viewport: { width: 1680, height: 900 } });
    const cut = await page
      .locator("pre")
      .evaluateAll((blocks) => blocks.filter((pre) => pre.scrollWidth > pre.clientWidth + 1).length);
    expect(cut).toBe(0);
  });

  test("tables scroll by themselves on a phone, and can be reached by keyboard", async () => {
    const page = await open("guides/choosing-a-store", views["a phone, light"]);
    const table = page.locator(".vp-doc table").first();
    expect(await table.getAttribute("tabindex")).toBe("0");
    // A key that is pressed while the page is still being drawn scrolls nothing.
    await expect
      .poll(async () => {
        await table.focus();
        await page.keyboard.press("ArrowRight");
        return page.evaluate<number>("document.activeElement.scrollLeft");
      })
      .toBeGreaterThan(0);
  });

  test("a page has its date and a link to edit it; the reference has neither", async () => {
    const page = await open("guides/calling");
    await page.getByText("Last updated").waitFor();
    const edit = page.getByRole("link", { name: "Edit this page" });
    expect(await edit.getAttribute("href")).toMatch(/\/edit\/main\/docs\/guides\/calling\.md$/);
    await page.goto(`${site.url}api/once-again/client`);
    await page.getByRole("heading", { name: "once-again/client" }).waitFor();
    expect(await edit.count()).toBe(0);
  });

  test("the menu of the version leads to the changelog, and the reference says a line of each entry", async () => {
    const { version } = JSON.parse(await readFile("packages/once-again/package.json", "utf8")) as { version: string };
    const page = await open("api/");
    const lines = await page
      .locator(".vp-doc tbody tr")
      .evaluateAll((rows) =>
        rows.map((row) => Array.from(row.querySelectorAll("td"), ({ textContent }) => textContent)),
      );
    const entries = modules.filter(({ specifier }) => !specifier.startsWith("once-again/internal"));
    expect(lines.map(([name]) => name)).toEqual(entries.map(({ specifier }) => specifier));
    for (const [, line] of lines) expect(line).toMatch(/^.{20,}[.]$/);
    await page.getByRole("button", { name: version }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Changelog" }).click();
    await page.waitForURL(`${site.url}changelog.html`);
    expect(await readFile(join(folder(), "changelog.html"), "utf8")).toContain(version);
  });

  describe("the playground", () => {
    /** Opens it, and waits until it shows something. */
    async function play(place: string, view?: BrowserContextOptions): Promise<Page> {
      const page = await open("", view);
      await page.goto(`${site.url}playground/#${place}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      return page;
    }
    const verdicts = (page: Page) => page.locator(".play-verdict").allInnerTexts();
    const crash = (page: Page) => page.getByRole("slider", { name: "Where the crash is" });
    /** Waits until the page says where the crash was, of which it shows the results. */
    const ran = (page: Page, words: string) => page.getByRole("status").filter({ hasText: words }).waitFor();

    describe.each(Object.entries(views))("on %s", (_, view) => {
      test.each([
        ["crash", ".play-lane"],
        ["checkout", ".play-lane"],
        ["lab?mode=crowd", ".order-rows, .orders"],
        ["storms", ".outcomes"],
      ])("axe finds nothing on %s, and nothing is cut off", async (place, shown) => {
        const page = await play(place, view);
        await page.locator(shown).first().waitFor();
        expect(await axeFindings(page)).toEqual([]);
        expect(await overflow(page)).toBe(0);
      });
    });

    test("is reached from the front page", async () => {
      const page = await open("");
      await page.getByRole("main").getByRole("link", { name: "Playground" }).click();
      await page.getByRole("heading", { name: "Put the crash where it hurts" }).waitFor();
      await page.getByRole("link", { name: "once-again" }).click();
      await page.getByRole("heading", { name: "Retry again, happen once" }).waitFor();
    });

    test("the checkout is reached from the guide, and the places that links may lead to are its pages", async () => {
      const page = await open("guides/browser");
      await page.getByRole("main").getByRole("link", { name: "the playground" }).click();
      await page.getByRole("heading", { name: "Press Pay, and lose the answer" }).waitFor();
      const places = await page.locator("[data-places]").getAttribute("data-places");
      const links = await page
        .getByRole("navigation", { name: "Pages" })
        .getByRole("link")
        .evaluateAll((all) => all.map((link) => link.getAttribute("href")));
      expect(links).toEqual(places!.split(" ").map((name) => `#${name}`));
    });

    test("the crash is moved with the keyboard, and the verdicts and the address follow", async () => {
      const page = await play("crash");
      await ran(page, "between “response stored” and “response received”");
      expect(await verdicts(page)).toEqual(["✗ charged, reported as failed", "✗ charged 2 times", "✓ charged once"]);
      await crash(page).focus();
      await page.keyboard.press("ArrowLeft");
      await ran(page, "between “card charged” and “response stored”");
      expect(await verdicts(page)).toEqual(["✗ lost, never charged", "✓ charged once", "✓ charged once"]);
      await page.getByRole("radio", { name: "A call to a payment provider" }).focus();
      await page.keyboard.press("Space");
      await page.getByText("? charged once, held").first().waitFor();
      expect(await verdicts(page)).toEqual([
        "✗ charged, reported as failed",
        "✗ charged 2 times",
        "? charged once, held",
      ]);
      expect(new URL(page.url()).hash).toBe("#crash?at=4&seed=1&crash=server&effect=provider");
    });

    test("the crash is dragged with the pointer", async () => {
      const page = await play("crash?at=1");
      await ran(page, "between “order sent” and “request arrived”");
      const { x, y, width, height } = (await crash(page).boundingBox())!;
      await page.mouse.move(x + height / 2, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x + width - height / 2, y + height / 2, { steps: 8 });
      await page.mouse.up();
      await ran(page, "between “response stored” and “response received”");
      expect(await verdicts(page)).toContain("✗ charged 2 times");
    });

    test("the crash is moved with a finger, on a phone", async () => {
      const page = await play("crash?at=1&crash=connection", views["a phone, light"]);
      await ran(page, "between “order sent” and “request arrived”");
      expect(await verdicts(page)).toEqual(["✗ lost, never charged", "✓ charged once", "✓ charged once"]);
      const { x, y, width, height } = (await crash(page).boundingBox())!;
      await page.touchscreen.tap(x + width / 2, y + height - width / 2);
      await ran(page, "between “response stored” and “response received”");
      expect(await verdicts(page)).toEqual(["✗ charged, reported as failed", "✗ charged 2 times", "✓ charged once"]);
    });

    test("an address brings its crash, and nonsense in it is left aside", async () => {
      const page = await play("crash?at=4&crash=server&effect=keyed-provider&seed=9");
      await page.getByText("The provider knows the key, and charges nothing.").waitFor();
      expect(await page.getByLabel("Seed of the waits").inputValue()).toBe("9");
      const other = await play("crash?at=99&crash=%3Cscript%3E&effect=__proto__&seed=-1");
      await ran(other, "The server dies between “response stored” and “response received”");
    });

    test.each(["row", "provider", "keyed-provider"] as const)(
      "a crash has the same story, to the millisecond, as the same code outside of the page: %s",
      async (effect) => {
        const page = await play(`crash?at=4&crash=server&effect=${effect}&seed=4`);
        await ran(page, "between “card charged” and “response stored”");
        const times = await page.locator(".play-lane .time").allInnerTexts();
        const runs = await Promise.all(
          callerKinds.map((caller) => runCrash(caller, { at: 4, crash: "server", effect, seed: 4 })),
        );
        expect(times).toEqual(runs.flatMap(({ events }) => events.map(({ atMs }) => `${(atMs / 1000).toFixed(2)} s`)));
      },
    );

    test("the customer is chosen with the keyboard, and the verdicts, the ledger and the address follow", async () => {
      const page = await play("checkout");
      await ran(page, "The answer to the first payment is lost, and the customer reloads the page.");
      expect(await verdicts(page)).toEqual(["✗ charged 2 times", "✓ charged once"]);
      const rows = (name: string) => page.locator(`[data-ledger=${name}] tbody tr`).allInnerTexts();
      expect(await rows("careless")).toHaveLength(2);
      expect(await rows("safe")).toHaveLength(1);
      await page.getByRole("radio", { name: "Reloads the page" }).focus();
      // The runs of settings that were left at once are not shown.
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await ran(page, "and the customer presses in a second tab.");
      expect(await verdicts(page)).toEqual(["✗ charged 2 times", "✓ charged once"]);
      await page.getByText("In the end tab 1 says “Paid”, tab 2 “Paid”.").waitFor();
      await page.getByRole("radio", { name: "The payment itself" }).focus();
      await page.keyboard.press("Space");
      await ran(page, "The first payment is lost on its way, and the customer presses in a second tab.");
      expect(await verdicts(page)).toEqual(["✓ charged once", "✓ charged once"]);
      expect(new URL(page.url()).hash).toBe("#checkout?customer=second-tab&lost=request&seed=1");
      // Each run removes its database.
      await page.waitForFunction("indexedDB.databases().then(({ length }) => length === 0)");
    });

    test("an address brings its checkout, and nonsense in it is left aside", async () => {
      const page = await play("checkout?customer=close-tab&lost=request&seed=9");
      await ran(page, "The first payment is lost on its way, and the customer closes the tab and comes back.");
      expect(await page.getByLabel("Seed of the pauses").inputValue()).toBe("9");
      const other = await play("checkout?customer=__proto__&lost=%3Cscript%3E&seed=1e400");
      await ran(other, "The answer to the first payment is lost, and the customer reloads the page.");
      expect(await other.getByLabel("Seed of the pauses").inputValue()).toBe("1");
    });

    test.each(customers)(
      "a checkout has the same story, to the millisecond, as the same code outside of the page: %s",
      async (customer) => {
        vi.stubGlobal("indexedDB", new IDBFactory());
        vi.stubGlobal("IDBKeyRange", IDBKeyRange);
        onTestFinished(() => void vi.unstubAllGlobals());
        const page = await play(`checkout?customer=${customer}&lost=answer&seed=4`);
        await page.locator(".play-lane").first().waitFor();
        const times = await page.locator(".play-lane .time").allInnerTexts();
        const expected: string[] = [];
        for (const kind of pageKinds) {
          const { events } = await runCheckout(kind, { customer, lost: "answer", seed: 4 });
          expected.push(...events.map(({ atMs }) => `${(atMs / 1000).toFixed(2)} s`));
        }
        expect(times).toEqual(expected);
      },
    );

    test("where the browser stores nothing, the page says so", async () => {
      const page = await open("");
      await page.addInitScript("Object.defineProperty(globalThis, 'indexedDB', { value: undefined })");
      await page.goto(`${site.url}playground/#checkout`);
      await page.getByRole("alert").filter({ hasText: "IndexedDB" }).waitFor();
    });

    test("a crowd runs in the page by its address, with faults and a seed", async () => {
      const page = await play("lab?mode=crowd&orders=60&seed=3&speed=full&lose-answer=0.3&fail=0&lose-request=0");
      await page.getByRole("button", { name: "Start" }).click();
      await page
        .getByText(/^Finished\. Charged too often: careless [1-9]\d*, safe 0\. Lost: careless 0, safe 0\.$/)
        .waitFor();
      await page.getByRole("button", { name: "Charged too often" }).click();
      await page.getByText("✗ charged 2 times").first().waitFor();
      expect(await page.getByRole("button", { name: /^Kill/ }).count()).toBe(1);
    });

    test("a storm is simulated in the page, as the command line simulates it", async () => {
      const page = await play("storms?preset=retry-storm&seed=5");
      await page.locator(".outcomes tbody tr").first().waitFor();
      const rows = await page.locator(".outcomes tbody tr").allInnerTexts();
      const expected = stormsOf({ ...formOf("retry-storm"), seed: 5 }).map((storm) => simulateStorm(storm));
      expect(rows).toHaveLength(expected.length);
      for (const [index, { name, amplification }] of expected.entries()) {
        expect(rows[index]).toContain(name);
        expect(rows[index]).toContain(amplification.toFixed(2));
      }
    });
  });
});
