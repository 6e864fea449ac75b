/**
 * The cold start of a function of Lambda: the size of its bundle, minified and as `gzip` packs it, and how long a new
 * process takes to import it. Ours beside Powertools, each without a store.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Programs that wrap a handler, and no more. */
const programs: Readonly<Record<string, string>> = {
  "node, nothing imported": "export const handler = () => undefined;",
  "once-again/lambda": `
    import { onceLambda } from "once-again/lambda";
    export const handler = onceLambda;
  `,
  "@aws-lambda-powertools/idempotency": `
    import { makeIdempotent } from "@aws-lambda-powertools/idempotency";
    export const handler = makeIdempotent;
  `,
};

const runs = 21;

/** Imports a bundle in a new process, and prints how long that took, milliseconds. */
const timer = `
  const begun = performance.now();
  await import(process.argv[1]);
  console.log(performance.now() - begun);
`;

function importMs(file: string): number {
  const args = ["--input-type=module", "--eval", timer, file];
  return Number(execFileSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } }));
}

const folder = mkdtempSync(join(tmpdir(), "once-again-bench-lambda-"));
try {
  const rows: Record<string, object> = {};
  const times = new Map<string, number[]>();
  for (const [name, contents] of Object.entries(programs)) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: import.meta.dirname },
      ...{ bundle: true, minify: true, write: false, platform: "node", format: "esm", target: "node22" },
      conditions: ["@once-again/source"],
    });
    const [{ contents: bundle }] = outputFiles as [(typeof outputFiles)[number]];
    writeFileSync(join(folder, `${times.size}.mjs`), bundle);
    times.set(name, []);
    rows[name] = { "kB, minified": kilobytes(bundle.length), "kB, packed": kilobytes(gzipSync(bundle).length) };
  }
  // In turns, so that a busy moment of the machine meets all of them.
  for (let run = 0; run < runs; run += 1) {
    [...times.values()].forEach((found, index) => found.push(importMs(join(folder, `${index}.mjs`))));
  }
  for (const [name, found] of times) {
    const sorted = found.toSorted((one, other) => one - other);
    Object.assign(rows[name]!, {
      "import, ms": Number(sorted[Math.floor(runs / 2)]!.toFixed(1)),
      "best, ms": Number(sorted[0]!.toFixed(1)),
    });
  }
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function kilobytes(bytes: number): number {
  return Number((bytes / 1000).toFixed(1));
}
