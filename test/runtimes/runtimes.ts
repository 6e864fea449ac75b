import { spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { findBinary, type ServerBinary } from "../support/servers/binary.ts";
import { chromiumBinary, launchChromium } from "../support/servers/chromium.ts";
import type { Certificates } from "../support/certificates.ts";
import { closed, listening, portOf } from "../verdicts/origin.ts";
import type { Report, Task } from "./program.ts";

/** A runtime of JavaScript, which has its own `fetch`. */
export interface Runtime {
  readonly binary: ServerBinary;
  /**
   * Performs a task, and trusts the authority of those certificates meanwhile.
   *
   * @param folder where `program.ts` is, and for those with a command line `main.ts`. Default: here.
   */
  perform(task: Task, certificates: Certificates, folder?: string): Promise<Report>;
}

const modules = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
const here = import.meta.dirname;

export const node = commandLine("node", [], "NODE_EXTRA_CA_CERTS");
export const deno = commandLine("deno", ["run", "--no-lock", "--allow-net", "--allow-env"], "DENO_CERT");
export const bun = commandLine("bun", [], "NODE_EXTRA_CA_CERTS");

/** A runtime that runs TypeScript as it is. */
function commandLine(name: string, options: readonly string[], caVariable: string): Runtime {
  const binary = { name, folders: [modules], install: "npm install" };
  return {
    binary,
    async perform(task, { caFile }, folder = here) {
      const child = spawn(findBinary(binary) ?? name, [...options, join(folder, "main.ts"), JSON.stringify(task)], {
        env: { ...process.env, [caVariable]: caFile },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const output = await Array.fromAsync(child.stdout);
      return JSON.parse(Buffer.concat(output as Buffer[]).toString()) as Report;
    },
  };
}

/** Cloudflare's runtime. Its log has more for an operator than a program gets to see. */
export const workerd: Runtime = {
  binary: { name: "workerd", folders: [modules], install: "npm install" },
  async perform(task, { ca }, folder = here) {
    const script = await bundle(
      folder,
      `
      import { perform } from "./program.ts";
      export default { fetch: async (request) => Response.json(await perform(await request.json())) };
    `,
    );
    const worker = new Miniflare({
      modules: true,
      script,
      compatibilityDate: "2026-04-01",
      outboundService: { network: { allow: ["private"], tlsOptions: { trustedCertificates: [ca] } } },
      handleRuntimeStdio: (...streams: Readable[]) => streams.forEach((stream) => stream.resume()),
    });
    try {
      const answer = await worker.dispatchFetch("http://worker", { method: "POST", body: JSON.stringify(task) });
      return (await answer.json()) as Report;
    } finally {
      await worker.dispose();
    }
  },
};

/** The browser. What it writes to its console, but for the network's failures, is an error. */
export const browser: Runtime = {
  binary: chromiumBinary,
  async perform(task, { good }, folder = here) {
    const script = await bundle(
      folder,
      `
      import { perform } from "./program.ts";
      globalThis.perform = perform;
    `,
    );
    const page = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<!doctype html><link rel="icon" href="data:,"><script type="module">${script}</script>`);
    });
    await listening(page);
    const publicKey = new X509Certificate(good.cert).publicKey.export({ type: "spki", format: "der" });
    const trusted = createHash("sha256").update(publicKey).digest("base64");
    const chrome = await launchChromium(`--ignore-certificate-errors-spki-list=${trusted}`);
    try {
      const tab = await chrome.newPage();
      const complaints: string[] = [];
      tab.on("pageerror", (error) => complaints.push(String(error)));
      tab.on("console", (message) => complaints.push(message.text()));
      await tab.goto(`http://127.0.0.1:${portOf(page)}/`);
      const report: Report = await tab.evaluate(`perform(${JSON.stringify(task)})`);
      const surprising = complaints.filter((text) => !/^Failed to load resource: |blocked by CORS policy/.test(text));
      if (surprising.length > 0) throw new Error(`The browser complains: ${surprising.join("\n")}`);
      return report;
    } finally {
      await chrome.close();
      page.closeAllConnections();
      await closed(page);
    }
  },
};

/** A module and what it imports, in one script without a `node:` import. */
async function bundle(resolveDir: string, contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
}
