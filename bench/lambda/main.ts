/**
 * The cold start of a function of Lambda: the size of its bundle, minified and as `gzip` packs it, and how long a new process
 * takes to import it, by the clock and in time of its processors. Ours beside Powertools, without a store and with DynamoDB; with
 * DynamoDB also until its first event is answered, since a module may load when it is first called.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { makeCertificates } from "../../test/support/certificates.ts";

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
    const store = dynamodbStore(new DynamoDBClient({}), { table: "once" });
    export const handler = onceLambda({ store, scope: "charge", key: ({ id }) => id }, () => 1);
  `,
  "onceLambda, DynamoDB without the SDK": `
    import { onceLambda } from "once-again/lambda";
    import { dynamodbClient, dynamodbStore } from "once-again/stores/dynamodb/without-sdk";
    const store = dynamodbStore(dynamodbClient(), { table: "once" });
    export const handler = onceLambda({ store, scope: "charge", key: ({ id }) => id }, () => 1);
  `,
  "makeIdempotent, DynamoDB": `
    import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
    import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
    import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
    const awsSdkV3Client = new DynamoDBClient({});
    const persistenceStore = new DynamoDBPersistenceLayer({ tableName: "once", awsSdkV3Client });
    const config = new IdempotencyConfig({ eventKeyJmesPath: "id" });
    export const handler = makeIdempotent(async () => 1, { persistenceStore, config });
  `,
};

const runs = 31;

/**
 * Imports a bundle in a new process, and prints how long that took, milliseconds, how long its processors worked, and how long they worked
 * until its first event was answered, where it has DynamoDB.
 */
const timer = `
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  const processorMs = () => {
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / 1000;
  };
  const { handler } = await import(process.argv[1]);
  const imported = [performance.now() - begun, processorMs()];
  const context = { getRemainingTimeInMillis: () => 30_000 };
  if (process.argv[2] === "call" && (await handler({ id: "order-7" }, context)) !== 1) throw new Error("It was not answered.");
  console.log(JSON.stringify([...imported, processorMs()]));
`;

type Times = readonly [clockMs: number, processorMs: number, firstMs: number];

using certificates = makeCertificates();

/** A table of DynamoDB that has nothing, and takes all; by TLS, as that of AWS. */
const table = createServer(certificates.good, (request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "x-amzn-requestid": "one" }).end("{}"));
});
await once(table.listen(0, "127.0.0.1"), "listening");
const { port } = table.address() as AddressInfo;
const environment = {
  ...process.env,
  NODE_OPTIONS: "",
  POWERTOOLS_DEV: "false",
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
  NODE_EXTRA_CA_CERTS: certificates.caFile,
  AWS_ENDPOINT_URL_DYNAMODB: `https://127.0.0.1:${port}`,
};

async function importTimes(file: string, isCalled: boolean): Promise<Times> {
  const args = ["--input-type=module", "--eval", timer, file, isCalled ? "call" : "import"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment });
  return JSON.parse(stdout) as Times;
}

const folder = mkdtempSync(join(tmpdir(), "once-again-bench-lambda-"));
try {
  const rows: Record<string, object> = {};
  const times = new Map<string, Times[]>();
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
    for (const [index, [name, measured]] of [...times].entries()) {
      measured.push(await importTimes(join(folder, `${index}.mjs`), name.includes("DynamoDB")));
    }
  }
  for (const [name, measured] of times) {
    const [clock, processor, first] = [0, 1, 2].map((which) =>
      measured.map((one) => one[which]!).toSorted((one, other) => one - other),
    ) as [number[], number[], number[]];
    const median = Math.floor(runs / 2);
    Object.assign(rows[name]!, {
      "import, ms": rounded(clock[median]!),
      "best, ms": rounded(clock[0]!),
      "processor, ms": rounded(processor[median]!),
      ...(name.includes("DynamoDB") && { "with a first event, ms": rounded(first[median]!) }),
    });
  }
  console.table(rows);
  console.log(`Load average ${loadavg()[0]!.toFixed(1)}.`);
} finally {
  table.close();
  table.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
}

function rounded(ms: number): number {
  return Number(ms.toFixed(1));
}

function kilobytes(bytes: number): number {
  return rounded(bytes / 1000);
}
