/**
 * Runs libraries for idempotency keys where they differ, each behind Express, with the keys in a Redis that this
 * command starts. Writes bench/results/beside.json; `document.ts` makes the table of docs/beside.md of it.
 *
 *   npm run bench:beside
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { startRedis } from "../../test/support/servers/redis.ts";
import { leaseMs, libraries, type Library, type LibraryName, type Order } from "./libraries.ts";
import type { BesideResults, LibraryResult, Trial } from "./results.ts";

const program = fileURLToPath(new URL("server-child.ts", import.meta.url));

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

await using redis = await startRedis();
const counter = await createClient({ url: redis.url }).connect();

/** @param dies whether it dies at the orders that ask for it. Otherwise it executes them. */
async function start(name: LibraryName, dies = false): Promise<Running> {
  const child = fork(program, [name, redis.url, ...(dies ? ["dies"] : [])], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, url: `http://127.0.0.1:${port}/orders` };
}

async function stop({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Sends an order. Returns the status, or the name of the error that the library has thrown. */
async function send({ url }: Running, key: string, order: Order): Promise<string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(5000),
    });
    const body = await response.text();
    const { error } = (body.startsWith("{") ? JSON.parse(body) : {}) as { error?: string };
    return error ?? String(response.status);
  } catch (error) {
    return (error as Error).name === "TimeoutError" ? "no response" : "connection lost";
  }
}

/** Runs a trial, and counts its effects. */
async function trial(run: () => Promise<readonly string[]>): Promise<Trial> {
  await counter.del("beside:effects");
  const responses = await run();
  return { responses, effects: Number((await counter.get("beside:effects")) ?? 0) };
}

/** How many pairs are sent: a race need not show in each. */
const pairs = 20;

/** Sends pairs of copies at once. Returns the pair with the most effects. */
async function tryPairs(server: Running, name: LibraryName): Promise<Trial> {
  const trials: Trial[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const key = `${name}-pair-${pair}`;
    const order = { item: "coffee" };
    trials.push(await trial(() => Promise.all([send(server, key, order), send(server, key, order)])));
  }
  const worst = trials.reduce((most, next) => (next.effects > most.effects ? next : most));
  return { ...worst, pairs: trials.filter(({ effects }) => effects === worst.effects).length };
}

/** One server dies after its effect. Another one gets a repeat at once, and one after the lease. */
async function tryDeath(name: LibraryName): Promise<Trial> {
  const dying = await start(name, true);
  const other = await start(name);
  const order: Order = { item: "coffee", ending: "dies" };
  const key = `${name}-death`;
  try {
    return await trial(async () => {
      const responses = [await send(dying, key, order), await send(other, key, order)];
      await setTimeout(2 * leaseMs);
      return [...responses, await send(other, key, order)];
    });
  } finally {
    await stop(dying);
    await stop(other);
  }
}

async function tryLibrary(name: LibraryName): Promise<LibraryResult> {
  const server = await start(name);
  const coffee: Order = { item: "coffee" };
  const throwing: Order = { item: "coffee", ending: "throws" };
  const tryTwo = (key: string, first: Order, second: Order): Promise<Trial> =>
    trial(async () => [await send(server, `${name}-${key}`, first), await send(server, `${name}-${key}`, second)]);
  const library: Library = libraries[name];
  try {
    return {
      name: library.package,
      version: readVersion(library.package),
      option: library.option,
      repeat: await tryTwo("repeat", coffee, coffee),
      together: await tryPairs(server, name),
      dies: await tryDeath(name),
      otherBody: await tryTwo("body", coffee, { item: "tea" }),
      throws: await tryTwo("throw", throwing, throwing),
    };
  } finally {
    await stop(server);
  }
}

function readVersion(name: string): string {
  const folder = name === "once-again" ? "packages" : "node_modules";
  return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8")) as { version: string }).version;
}

const results: LibraryResult[] = [];
for (const name of Object.keys(libraries) as LibraryName[]) {
  console.error(name);
  results.push(await tryLibrary(name));
}
counter.destroy();
const document: BesideResults = {
  date: new Date().toISOString().slice(0, "2026-11-28".length),
  node: process.versions.node,
  pairs,
  leaseMs,
  libraries: results,
};
writeFileSync("bench/results/beside.json", `${JSON.stringify(document, undefined, 2)}\n`);
