/**
 * Runs the conformance suite against libraries for idempotency keys, each behind Express as `bench/beside/libraries.ts`
 * has it, with the keys in a Redis that this command starts. Writes bench/results/conformance.json; `document.ts` makes
 * the tables of docs/others.md of it.
 *
 *   npm run conformance:others
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { countVerdicts, verify } from "@once-again/tools/verify";
import { createClient } from "redis";
import { startRedis } from "../../test/support/servers/redis.ts";
import { libraries, type Library, type LibraryName } from "../beside/libraries.ts";
import type { ConformanceResult, ConformanceResults } from "./results.ts";

const program = fileURLToPath(new URL("../beside/server-child.ts", import.meta.url));

/** How long an order takes, milliseconds: long enough for duplicates to meet. */
const workMs = 30;

await using redis = await startRedis();
const counter = await createClient({ url: redis.url }).connect();

async function tryLibrary(name: LibraryName): Promise<ConformanceResult> {
  const child = fork(program, [name, redis.url, "lives", String(workMs)], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const report = await verify({
      url: `http://127.0.0.1:${port}/orders`,
      body: '{"item":"coffee","reference":"{{unique}}"}',
      failingBody: '{"item":"coffee","ending":"throws"}',
      effects: async () => Number((await counter.get("beside:effects")) ?? 0),
      timeoutMs: 5000,
    });
    const library: Library = libraries[name];
    return {
      name: library.package,
      version: readVersion(library.package),
      option: library.option,
      passed: countVerdicts(report, "pass"),
      warned: countVerdicts(report, "warn"),
      notApplicable: countVerdicts(report, "not-applicable"),
      failed: report.cases
        .filter(({ kind }) => kind === "fail")
        .map(({ id, title, observed }) => ({ id, title, observed })),
    };
  } finally {
    child.kill("SIGKILL");
  }
}

function readVersion(name: string): string {
  const folder = name === "once-again" ? "packages" : "node_modules";
  return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8")) as { version: string }).version;
}

const results: ConformanceResult[] = [];
for (const name of Object.keys(libraries) as LibraryName[]) {
  console.error(name);
  results.push(await tryLibrary(name));
}
counter.destroy();
const { version: suite } = JSON.parse(readFileSync("conformance/cases.json", "utf8")) as { version: number };
const document: ConformanceResults = {
  date: new Date().toISOString().slice(0, "2026-11-30".length),
  node: process.versions.node,
  suite,
  libraries: results,
};
writeFileSync("bench/results/conformance.json", `${JSON.stringify(document, undefined, 2)}\n`);
