/** Runs the Worker of wrangler.json here, under Cloudflare's own runtime, with its databases and objects in `.data`. */
import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { Miniflare, type MiniflareOptions } from "miniflare";

interface Configuration {
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags?: string[];
  readonly vars?: Readonly<Record<string, string>>;
  readonly d1_databases: readonly { readonly binding: string; readonly database_name: string }[];
  readonly durable_objects?: { readonly bindings: readonly { readonly name: string; readonly class_name: string }[] };
}

const configuration = JSON.parse(readFileSync("wrangler.json", "utf8")) as Configuration;
const { outputFiles } = await build({
  entryPoints: [configuration.main],
  bundle: true,
  format: "esm",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
  target: "es2022",
  write: false,
});

const port = Number(process.env["PORT"] ?? 3000);
const dies = process.env["DIE_AFTER_CHARGE"] === "yes";
const options: MiniflareOptions = {
  // Given as a list: miniflare would search a script for its imports, and refuses a computed one, such as Hono's.
  modules: [{ type: "ESModule", path: "main.js", contents: outputFiles[0]!.text }],
  compatibilityDate: configuration.compatibility_date,
  compatibilityFlags: configuration.compatibility_flags ?? [],
  host: "127.0.0.1",
  defaultPersistRoot: ".data",
  d1Databases: Object.fromEntries(configuration.d1_databases.map((each) => [each.binding, each.database_name])),
  durableObjects: Object.fromEntries(
    (configuration.durable_objects?.bindings ?? []).map((each) => [
      each.name,
      { className: each.class_name, useSQLite: true },
    ]),
  ),
  bindings: { ...configuration.vars, ...(dies ? { DIE_AFTER_CHARGE: "yes" } : {}) },
  handleRuntimeStdio(output: Readable, errors: Readable) {
    errors.pipe(process.stderr);
    output.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      // For kill.ts: pay.ts has charged, and waits.
      if (dies && chunk.includes("charged")) void end();
    });
  },
};
// It listens on another port until its tables are there.
const miniflare = new Miniflare({ ...options, port: 0 });

/** Ends the runtime by SIGKILL, as miniflare's `dispose()` does, and then this process. */
async function end(): Promise<void> {
  await miniflare.dispose();
  process.exit();
}
process.on("SIGTERM", end).on("SIGINT", end);

await miniflare.ready;
for (const { binding } of configuration.d1_databases) {
  const database = await miniflare.getD1Database(binding);
  for (const file of readdirSync("migrations").sort()) {
    // As `wrangler d1 migrations apply` does it; these may be repeated.
    const statements = readFileSync(`migrations/${file}`, "utf8")
      .split(";")
      .filter((text) => text.trim() !== "");
    await database.batch(statements.map((text) => database.prepare(text)));
  }
}
await miniflare.setOptions({ ...options, port });
console.log(`listening on port ${port}`);
