import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { waitMsMax } from "../wait-ms-max.ts";
import { findBinary, type ServerBinary } from "./binary.ts";

export const chromiumBinary: ServerBinary = { name: "chromium", install: "apt-get install -y chromium" };

/** It needs no rights, draws on no screen, and speaks to no server of its makers. */
export const chromiumFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
] as const;

/** Starts Chromium, which keeps to this machine. Playwright gives up after 30 s otherwise, which a busy machine needs. */
export async function launchChromium(...options: readonly string[]): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: findBinary(chromiumBinary) ?? chromiumBinary.name,
    args: [...chromiumFlags, ...options],
    timeout: waitMsMax,
  });
  const newContext = browser.newContext.bind(browser);
  // A page that is opened without a context gets one here, too.
  browser.newContext = async (given) => {
    const context = await newContext(given);
    context.setDefaultTimeout(waitMsMax);
    return context;
  };
  return browser;
}

/** Starts Chromium with a folder for its profile, which outlives it. */
export async function launchWithProfile(profile: string): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBinary(chromiumBinary) ?? chromiumBinary.name,
    args: [...chromiumFlags],
    timeout: waitMsMax,
  });
  context.setDefaultTimeout(waitMsMax);
  return context;
}

/** Ends every process of a browser by SIGKILL. */
export async function killBrowser(context: BrowserContext, profile: string): Promise<void> {
  const closed = new Promise((resolve) => context.once("close", resolve));
  for (const id of processesOf(profile)) {
    try {
      process.kill(id, "SIGKILL");
    } catch {
      // It ended with the one before.
    }
  }
  await closed;
  while (processesOf(profile).length > 0) await sleep(10);
}

/** The processes of the browser with this profile, by its folder, and their children. */
function processesOf(profile: string): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
        const [, state, parent] = /\) (\S) (\d+) /.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        return state === "Z" ? [] : [{ id: Number(name), parent: Number(parent), command }];
      } catch {
        return [];
      }
    });
  const ids = new Set(all.filter(({ command }) => command.includes(profile)).map(({ id }) => id));
  for (const { id, parent } of all) if (ids.has(parent)) ids.add(id);
  return [...ids].filter((id) => id !== process.pid);
}
