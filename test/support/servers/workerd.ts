import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { Miniflare, type WorkerOptions } from "miniflare";

/** A Worker under Cloudflare's own runtime, with what its bindings lead to. */
export interface Worker extends AsyncDisposable {
  readonly miniflare: Miniflare;
  /** Its log so far. */
  readonly log: readonly string[];
}

/** Starts a Worker. Its storage is in memory, unless the options say otherwise. @param file its main module. */
export async function startWorker(file: string, options: Partial<WorkerOptions>): Promise<Worker> {
  const log: string[] = [];
  const miniflare = new Miniflare({
    modules: true,
    script: await bundleWorker(file),
    compatibilityDate: "2026-04-01",
    handleRuntimeStdio(...streams: Readable[]) {
      for (const stream of streams) stream.on("data", (chunk: Buffer) => log.push(chunk.toString()));
    },
    ...options,
  } as ConstructorParameters<typeof Miniflare>[0]);
  await miniflare.ready;
  return { miniflare, log, [Symbol.asyncDispose]: () => miniflare.dispose() };
}

/** A module and what it imports, in one script. Its `node:` imports stay: a Worker has those only where it asks for them. */
async function bundleWorker(file: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: readFileSync(file, "utf8"), resolveDir: dirname(file), sourcefile: file, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "browser",
    conditions: ["@once-again/source", "workerd", "worker"],
    external: ["cloudflare:*", "node:*"],
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
}
