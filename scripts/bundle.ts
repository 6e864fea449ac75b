/**
 * The last step of a package's build, in its folder, after tsc has written dist/: bundles the entries for Node into dist/node/.
 * Of the library it also takes white space out of all JavaScript, and removes the declarations that no entry reaches. Why:
 * docs/decisions/packages.md, "Node gets bundles, bundlers get modules".
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { rolldown } from "rolldown";
import ts from "typescript";
import { builtOf, packages } from "./entries.ts";

const dist = resolve("dist");
const folder = relative(fileURLToPath(new URL("../", import.meta.url)), resolve("."));
const { entries: sources, programs = [] } = packages[folder]!;
const entries = Object.values(sources).map((source) => resolve(builtOf(source)));

/**
 * The chunk of each folder of the library. Rooms that are loaded together share one, and a chunk imports only those above it: an entry loads
 * at most six files, and hardly more code than it needs.
 */
const chunks: Readonly<Record<string, string>> = {
  // Not with the rest, which commands load before they have said in a line what platform they need.
  "core/check-platform.js": "check-platform",
  core: "core",
  retry: "core",
  delivery: "core",
  key: "core",
  client: "client",
  intents: "client",
  interceptors: "client",
  engine: "server",
  http: "server",
  function: "server",
  frameworks: "frameworks",
  messaging: "messaging",
  stores: "stores",
  "stores/guard": "sql",
  "stores/sql": "sql",
  // Of two entries, and on sql: as a part of the stores' chunk it would make a circle.
  "stores/dynamodb": "dynamodb",
};

/** Entries stay files of their own: as part of a chunk, one would be loaded with its neighbours. */
function chunkOf(file: string): string | null {
  if (entries.includes(file)) return null;
  const [room = "", part] = relative(dist, file).split("/");
  return chunks[`${room}/${part}`] ?? chunks[room] ?? null;
}

async function bundleForNode(): Promise<void> {
  const bundle = await rolldown({
    input: {
      ...Object.fromEntries(entries.map((file) => [relative(dist, file).replace(/\.js$/, ""), file])),
      ...Object.fromEntries(programs.map((source) => [basename(source, ".ts"), resolve(builtOf(source))])),
    },
    platform: "node",
    external: (specifier) => !/^[./]/.test(specifier),
    preserveEntrySignatures: "allow-extension",
  });
  await bundle.write({
    dir: join(dist, "node"),
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: "rooms", name: chunkOf, minShareCount: 2 }],
    },
  });
  await bundle.close();
}

/** Names are left as they are, and lines end about here, so that a stack trace names the function and a line to look at. */
const lineLength = 120;

function takeOutWhiteSpace(file: string): void {
  const { code } = transformSync(readFileSync(file, "utf8"), { minifyWhitespace: true, lineLimit: lineLength });
  writeFileSync(file, code);
}

/** The declarations that TypeScript reads where a user imports any of the entries. */
function reachedDeclarations(): ReadonlySet<string> {
  const reached = new Set(entries.map((file) => file.replace(/\.js$/, ".d.ts")));
  for (const file of reached) {
    for (const { fileName } of ts.preProcessFile(readFileSync(file, "utf8")).importedFiles) {
      if (fileName.startsWith(".")) reached.add(resolve(file, "..", fileName.replace(/\.[jt]s$/, ".d.ts")));
    }
  }
  return reached;
}

function shrinkLibrary(): void {
  const reached = reachedDeclarations();
  for (const file of reached)
    if (!existsSync(file)) throw new Error(`A declaration imports ${file}, which is not there.`);
  for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const file = join(dist, name);
    if (file.endsWith(".js")) takeOutWhiteSpace(file);
    else if (file.endsWith(".d.ts") && !reached.has(file)) rmSync(file);
  }
}

await bundleForNode();
if (folder === "packages/once-again") shrinkLibrary();
