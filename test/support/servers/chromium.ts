import { type Browser, chromium } from "playwright-core";
import { findBinary, type ServerBinary } from "./binary.ts";

export const chromiumBinary: ServerBinary = { name: "chromium", install: "apt-get install -y chromium" };

/** It needs no rights, draws on no screen, and speaks to no server of its makers. */
export const chromiumFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
] as const;

/** Starts Chromium, which keeps to this machine. */
export function launchChromium(...options: readonly string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: findBinary(chromiumBinary) ?? chromiumBinary.name,
    args: [...chromiumFlags, ...options],
  });
}
