import { type Browser, type BrowserContext, chromium } from "playwright-core";
import { findBinary, type ServerBinary } from "./binary.ts";

export const chromiumBinary: ServerBinary = { name: "chromium", install: "apt-get install -y chromium" };

/** It needs no rights, draws on no screen, and speaks to no server of its makers. */
const chromiumFlags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"] as const;

/** Starts Chromium, which keeps to this machine. */
export function launchChromium(...options: readonly string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: findBinary(chromiumBinary) ?? chromiumBinary.name,
    args: [...chromiumFlags, ...options],
  });
}

/** Playwright gives up after 30 s otherwise, which a busy machine needs. The test's own time-out ends what hangs. */
const waitMsMax = 300_000;

/** Starts Chromium with a folder for its profile, which outlives it. */
export async function launchWithProfile(profile: string): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBinary(chromiumBinary) ?? chromiumBinary.name,
    args: [...chromiumFlags],
  });
  context.setDefaultTimeout(waitMsMax);
  return context;
}
