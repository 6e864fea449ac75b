import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "../temporary-folder.ts";
import { findBinary, type ServerBinary } from "./binary.ts";

export const firefoxBinary: ServerBinary = { name: "firefox-esr", install: "apt-get install -y firefox-esr" };

/** Silent about itself: it asks nothing and reports to no server of its makers. */
const quiet = {
  "app.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

/**
 * Opens a page in a Firefox without a screen and with a new profile, until the running test ends. Nothing steers it: the page
 * says by its requests what it sees.
 *
 * @param preferences those of `about:config`.
 */
export function openInFirefox(url: string, preferences: Readonly<Record<string, boolean>> = {}): void {
  const profile = temporaryFolder();
  const lines = Object.entries({ ...quiet, ...preferences }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${String(value)});`,
  );
  writeFileSync(join(profile, "user.js"), lines.join("\n"));
  const child: ChildProcess = spawn(
    findBinary(firefoxBinary) ?? firefoxBinary.name,
    ["--headless", "--no-remote", "--profile", profile, url],
    { stdio: "ignore", env: { ...process.env, HOME: profile } },
  );
  onTestFinished(async () => {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill("SIGKILL")) await ended;
  });
}
