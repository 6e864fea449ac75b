import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { modules } from "../../scripts/entries.ts";
import { axeFindings } from "../support/axe.ts";
import { serveFolder, type ServedFolder } from "../support/serve-folder.ts";
import { chromiumBinary, launchChromium } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";

// The site as `npm run docs:build` makes it, at the path that it has on GitHub Pages.

const base = "/once-again/";

/** What takes longer hangs, milliseconds. */
const waitMsMax = 120_000;

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
    page.setDefaultTimeout(waitMsMax);
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
    await table.focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction("document.activeElement.scrollLeft > 0");
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
});
