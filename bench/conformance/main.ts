/**
 * Runs the conformance suite against libraries for idempotency keys, each behind Express as `bench/beside/libraries.ts`
 * has it, with the keys in a Redis that this command starts; and `@node-idempotency/nestjs` in the Nest that it is made for, on both of
 * its platforms, which `npm ci` installs into nest/. Writes bench/results/conformance.json; `document.ts` makes
 * the tables of docs/others.md of it.
 *
 *   npm run conformance:others
 */
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
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

/** A server to test: its program, and what is said of it. */
interface Subject extends Pick<ConformanceResult, "name" | "version" | "option"> {
  readonly program: string;
  readonly arguments: readonly string[];
}

async function tryServer({ program, arguments: given, ...named }: Subject): Promise<ConformanceResult> {
  const start = async (port: number): Promise<{ child: ChildProcess; port: number }> => {
    const child = fork(program, [...given, String(port)], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const [said] = (await once(child, "message")) as [{ port: number }];
    return { child, port: said.port };
  };
  let server = await start(0);
  try {
    const { port } = server;
    const report = await verify({
      url: `http://127.0.0.1:${port}/orders`,
      body: '{"item":"coffee","reference":"{{unique}}"}',
      failingBody: '{"item":"coffee","ending":"throws"}',
      effects: async () => Number((await counter.get("beside:effects")) ?? 0),
      timeoutMs: 5000,
      // Its keys are in Redis, which runs on.
      restart: async () => {
        await kill(server.child);
        server = await start(port);
      },
    });
    return {
      ...named,
      passed: countVerdicts(report, "pass"),
      warned: countVerdicts(report, "warn"),
      notApplicable: countVerdicts(report, "not-applicable"),
      failed: report.cases
        .filter(({ kind }) => kind === "fail")
        .map(({ id, title, observed }) => ({ id, title, observed })),
    };
  } finally {
    await kill(server.child);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

function readVersion(folder: string, name: string): string {
  return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8")) as { version: string }).version;
}

const behindExpress = (Object.keys(libraries) as LibraryName[]).map((key): Subject => {
  const { package: name, option }: Library = libraries[key];
  const version = readVersion(name === "once-again" ? "packages" : "node_modules", name);
  return { name, version, option, program, arguments: [key, redis.url, "lives", String(workMs)] };
});

const nest = fileURLToPath(new URL("nest/", import.meta.url));
if (!existsSync(`${nest}node_modules`))
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: nest, stdio: "ignore" });
const inNest = (["express", "fastify"] as const).map((platform): Subject => {
  const name = "@node-idempotency/nestjs";
  const version = `${readVersion(`${nest}node_modules`, name)}, Nest ${readVersion(`${nest}node_modules`, "@nestjs/core")}`;
  const option = `platform-${platform}`;
  return { name, version, option, program: `${nest}server.js`, arguments: [platform, redis.url, String(workMs)] };
});

const results: ConformanceResult[] = [];
for (const subject of [...behindExpress, ...inNest]) {
  console.error(subject.name, subject.option ?? "");
  results.push(await tryServer(subject));
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
