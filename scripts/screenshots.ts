/**
 * Takes the pictures of the console that the docs have, from the running program: docs/images/console-*.png.
 *
 *     node scripts/screenshots.ts           all of them
 *     node scripts/screenshots.ts lab       those of one page
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { consoleServer } from "../packages/tools/src/console/console-server.ts";
import { labSections } from "../packages/tools/src/console/lab/lab-section.ts";
import { keysSection } from "../packages/tools/src/console/keys/keys-section.ts";
import type { Section } from "../packages/tools/src/console/route.ts";
import { stormsSection } from "../packages/tools/src/console/storms/storms-section.ts";
import type { Order } from "../packages/tools/src/lab/orders.ts";
import { encodeResponse } from "../packages/once-again/src/http/response.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../packages/once-again/src/stores/store.ts";
import { consoleBrowser } from "../test/support/console-browser.ts";

/** One page of the console, and the steps until it is worth a picture. */
interface Screenshot {
  readonly section: () => Section | Promise<Section>;
  readonly size: { readonly width: number; readonly height: number };
  /** The part of the page that is taken, as a selector. Default: all of it. */
  readonly area?: string;
  /** Does what a person would do, and settles when the picture can be taken. */
  readonly pose: (page: Page) => Promise<void>;
}

const orders = readFileSync(new URL("../packages/tools/orders.ndjson", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Order);

/** By the name of the file. */
const screenshots: Readonly<Record<string, Screenshot>> = {
  lab: {
    section: () => labSections({ orders })[0],
    size: { width: 1280, height: 900 },
    async pose(page) {
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByText("Now with a crowd").waitFor({ timeout: 60_000 });
      await page.locator(".lanes").scrollIntoViewIfNeeded();
    },
  },
  "one-click": {
    section: () => labSections({ orders })[0],
    size: { width: 960, height: 700 },
    area: ".one-click",
    async pose(page) {
      await page.getByRole("button", { name: "Pay one order" }).click();
      await page.getByText("You clicked once. The shop charged 2 times.").waitFor();
    },
  },
  "lab-messages": {
    section: () => labSections({ orders })[0],
    size: { width: 1280, height: 900 },
    async pose(page) {
      await page.getByRole("button", { name: "3. Messages" }).click();
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByText("Finished.").waitFor({ timeout: 300_000 });
    },
  },
  storms: {
    section: () => stormsSection(),
    size: { width: 1280, height: 900 },
    pose: (page) => page.getByText("In your code").waitFor({ timeout: 60_000 }),
  },
  keys: {
    section: async () => {
      const store = memoryStore();
      await someKeys(store);
      return keysSection({ store: () => store });
    },
    size: { width: 1280, height: 900 },
    async pose(page) {
      await page.getByLabel("State").selectOption("held");
      await page.locator(".state.done").first().waitFor({ state: "detached" });
      await page.locator("button.link").first().click();
      await page.getByText("It did not happen").waitFor();
      // The plot has some points by then.
      await page.waitForTimeout(12_000);
    },
  },
};

/** Keys of two shops: most are done, some are at work, some are held. */
async function someKeys(store: Store): Promise<void> {
  const lasting = { leaseMs: 600_000, retentionMs: 86_400_000 };
  const body = new TextEncoder().encode('{"order":7}');
  const result = encodeResponse({ status: 201, headers: [["content-type", "application/json"]], body });
  for (const [index, { id }] of orders.slice(0, 60).entries()) {
    const name = { scope: index % 3 === 0 ? "globex" : "acme", key: id, owner: `worker-${index}` };
    await store.claim({ ...name, ...lasting, fingerprint: createHash("sha256").update(id).digest("hex") });
    if (index % 12 === 5) await store.renew({ ...name, leaseMs: 0 });
    else if (index % 12 !== 6) await store.complete({ ...name, ...lasting, result });
  }
}

const { values, positionals } = parseArgs({ options: { help: { type: "boolean" } }, allowPositionals: true });
const names = positionals.length === 0 ? Object.keys(screenshots) : positionals;
const unknown = names.find((name) => !(name in screenshots));

if (values.help) {
  process.stdout.write(`Takes the docs' pictures of the console's pages.

  $ node scripts/screenshots.ts lab

Pages: ${Object.keys(screenshots).join(", ")}; without one, all of them.
Exit codes: 0 fine, 2 wrong usage.
`);
} else if (unknown === undefined) await takeAll(names);
else {
  console.error(`error: there is no picture of ${unknown}, but of ${Object.keys(screenshots).join(", ")}`);
  process.exitCode = 2;
}

async function takeAll(names: readonly string[]): Promise<void> {
  const folder = new URL("../docs/images/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  await using browser = await consoleBrowser();
  for (const name of names) {
    const { section, size, area, pose } = screenshots[name]!;
    await using server = await consoleServer({ sections: [await section()], page: browser.page });
    const { page } = await browser.open(server.url, size);
    await pose(page);
    const path = fileURLToPath(new URL(`console-${name}.png`, folder));
    if (area === undefined) await page.screenshot({ path, fullPage: true });
    else await page.locator(area).screenshot({ path });
    await page.close();
  }
}
