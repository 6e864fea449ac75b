/**
 * The cold start of a function of Lambda: the size of its bundle, minified and as `gzip` packs it, and how long a new process
 * takes to import it, by the clock and in time of its processors. Ours beside Powertools, without a store and with DynamoDB.
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
  onceLambda: `
    import { onceLambda } from "once-again/lambda";
    export const handler = onceLambda;
  `,
  onceSqs: `
    import { onceSqs } from "once-again/lambda";
    export const handler = onceSqs;
  `,
  onceLambdaHttp: `
    import { onceLambdaHttp } from "once-again/lambda";
    export const handler = onceLambdaHttp;
  `,
  makeIdempotent: `
    import { makeIdempotent } from "@aws-lambda-powertools/idempotency";
    export const handler = makeIdempotent;
  `,
  "onceLambda, DynamoDB": `
    import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
    import { onceLambda } from "once-again/lambda";
    import { dynamodbStore } from "once-again/stores/dynamodb";
    const store = dynamodbStore(new DynamoDBClient({ region: "us-east-1" }), { table: "once" });
    export const handler = onceLambda({ store, scope: "charge", key: ({ id }) => id }, () => 1);
  `,
  "makeIdempotent, DynamoDB": `
    import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
    import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
    import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
    const awsSdkV3Client = new DynamoDBClient({ region: "us-east-1" });
    const persistenceStore = new DynamoDBPersistenceLayer({ tableName: "once", awsSdkV3Client });
    const config = new IdempotencyConfig({ eventKeyJmesPath: "id" });
    export const handler = makeIdempotent(async () => 1, { persistenceStore, config });
  `,
};

const runs = 31;

/** Imports a bundle in a new process, and prints how long that took, milliseconds, and how long its processors worked. */
const timer = `
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  await import(process.argv[1]);
  const [took, { user, system }] = [performance.now() - begun, process.cpuUsage(cpu)];
  console.log(JSON.stringify([took, (user + system) / 1000]));
`;

function importTimes(file: string): readonly [clockMs: number, processorMs: number] {
  const args = ["--input-type=module", "--eval", timer, file];
  const printed = execFileSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } });
  return JSON.parse(printed) as [number, number];
}

const folder = mkdtempSync(join(tmpdir(), "once-again-bench-lambda-"));
try {
  const rows: Record<string, object> = {};
  const times = new Map<string, (readonly [clockMs: number, processorMs: number])[]>();
  for (const [name, contents] of Object.entries(programs)) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: import.meta.dirname },
      ...{ bundle: true, minify: true, write: false, platform: "node", format: "esm", target: "node22" },
      conditions: ["@once-again/source"],
      // The SDK has parts in CommonJS, which ask for Node's own modules.
      banner: { js: 'import { createRequire } from "node:module";const require = createRequire(import.meta.url);' },
    });
    const [{ contents: bundle }] = outputFiles as [(typeof outputFiles)[number]];
    writeFileSync(join(folder, `${times.size}.mjs`), bundle);
    times.set(name, []);
    rows[name] = { "kB, minified": kilobytes(bundle.length), "kB, packed": kilobytes(gzipSync(bundle).length) };
  }
  // In turns, so that a busy moment of the machine meets all of them.
  for (let run = 0; run < runs; run += 1) {
    [...times.values()].forEach((measured, index) => measured.push(importTimes(join(folder, `${index}.mjs`))));
  }
  for (const [name, measured] of times) {
    const [clock, processor] = [0, 1].map((which) =>
      measured.map((one) => one[which]!).toSorted((one, other) => one - other),
    ) as [number[], number[]];
    Object.assign(rows[name]!, {
      "import, ms": rounded(clock[Math.floor(runs / 2)]!),
      "best, ms": rounded(clock[0]!),
      "processor, ms": rounded(processor[Math.floor(runs / 2)]!),
    });
  }
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function rounded(ms: number): number {
  return Number(ms.toFixed(1));
}

function kilobytes(bytes: number): number {
  return rounded(bytes / 1000);
}
