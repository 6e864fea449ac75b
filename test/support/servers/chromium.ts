import { type Browser, chromium } from "playwright-core";
import { findBinary, type ServerBinary } from "./binary.ts";

export const chromiumBinary: ServerBinary = { name: "chromium", install: "apt-get install -y chromium" };

/** Starts Chromium, which keeps to this machine. */
export function launchChromium(...options: readonly string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: findBinary(chromiumBinary) ?? chromiumBinary.name,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", ...options],
  });
}
