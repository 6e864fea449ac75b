import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { build } from "vite";
import { launchChromium } from "./servers/chromium.ts";

const consoleFolder = fileURLToPath(new URL("../../packages/tools/page", import.meta.url));

/** The console's page, built into a temporary folder, and a browser to open it in. */
export interface ConsoleBrowser extends AsyncDisposable {
  /** The folder of the built page, for `consoleServer`. */
  readonly page: string;
  /** Opens an address in a new tab. */
  open(url: string, options?: { width?: number; height?: number; dark?: boolean }): Promise<Tab>;
}

/** A page, and what it has complained of so far: its console's errors, and what it did not catch. */
export interface Tab {
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** Builds the page as it is now, and starts Chromium. */
export async function consoleBrowser(): Promise<ConsoleBrowser> {
  const folder = await mkdtemp(join(tmpdir(), "once-again-page-"));
  await build({ root: consoleFolder, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  const browser = await launchChromium();
  return {
    page: folder,
    async open(url, { width = 1280, height = 800, dark = false } = {}) {
      const page = await browser.newPage({
        viewport: { width, height },
        colorScheme: dark ? "dark" : "light",
        reducedMotion: "reduce",
      });
      const complaints: string[] = [];
      page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));
      page.on("pageerror", (error) => void complaints.push(error.message));
      await page.goto(url);
      return { page, complaints };
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
