import { build } from "esbuild";

/** A program of the tests as one script for a browser. */
export async function bundle(entry: string): Promise<string> {
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    platform: "browser",
    write: false,
    conditions: ["@once-again/source"],
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return built.outputFiles[0]!.text;
}
