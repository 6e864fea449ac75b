import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serverPort } from "../support/servers/server-port.ts";
import { until } from "../support/until.ts";
import { webPrograms } from "./differential/web-programs.ts";
import { exchange, lasting } from "./exchange.ts";

// The programs of the guide in the real Next.js: its requests are not the platform's own.

const app = "examples/frameworks/next/app";
const programs = "test/frameworks/differential/next-routes.ts";
// Where `next` is found, as it is in a project that has installed it.
const cache = resolve("node_modules/.cache");
let folder: string;
let next: ChildProcess;
let url: string;
let printed = "";

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "next-"));
  await build({
    entryPoints: [`${app}/orders/route.ts`, `${app}/api/[[...route]]/route.ts`],
    outbase: app,
    outdir: join(folder, "app"),
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@once-again/source"],
  });
  await build({
    entryPoints: { "plain/web/[name]/route": programs, "once/web/[name]/route": programs },
    outdir: join(folder, "app"),
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@once-again/source"],
    external: ["express"],
  });
  await build({
    entryPoints: { "edge/route": "test/frameworks/next-edge-route.ts" },
    outdir: join(folder, "app"),
    bundle: true,
    platform: "neutral",
    mainFields: ["module", "main"],
    format: "esm",
    conditions: ["@once-again/source"],
    // Next reads it from the text, and finds no list of exports.
    footer: { js: 'export const runtime = "edge";' },
  });
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const port = await serverPort();
  url = `http://127.0.0.1:${port}`;
  const program = createRequire(import.meta.url).resolve("next/dist/bin/next");
  next = spawn(process.execPath, [program, "dev", "-H", "127.0.0.1", "-p", String(port)], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: "development", NEXT_TELEMETRY_DISABLED: "1", KEYS_DB: join(folder, "keys.db") },
  });
  next.stdout?.on("data", (text) => (printed += String(text)));
  next.stderr?.on("data", (text) => (printed += String(text)));
  await until(() => printed.includes("Ready in"));
});

afterAll(async () => {
  next.kill();
  if (next.exitCode === null && next.signalCode === null) await once(next, "exit");
  rmSync(folder, { recursive: true, force: true });
});

test.for([
  ["a route handler", "/orders?currency=EUR", { currency: "EUR" }],
  ["Hono in a route handler", "/api/orders", {}],
] as const)("%s makes one order of two requests", async ([, path, more]) => {
  const sent = { path, key: path, headers: { authorization: "Bearer token-1" } };
  const [first, repeat] = [await exchange(url, sent), await exchange(url, sent)];
  expect(first, printed).toMatchObject({ status: 201, replayed: false, headers: { location: "/orders/7" } });
  expect(JSON.parse(first.text)).toEqual({ order: { item: "tea" }, key: path, ...more });
  expect(repeat.replayed).toBe(true);
  expect(lasting(repeat)).toEqual(lasting(first));
  expect(await exchange(url, { ...sent, body: '{"item":"coffee"}' })).toMatchObject({ status: 422 });
  expect(await exchange(url, { ...sent, headers: { authorization: "Bearer forged" } })).toMatchObject({ status: 401 });
});

test('a route handler with `runtime = "edge"` makes one order of two requests', async () => {
  const sent = { path: "/edge", key: "edge-1" };
  const [first, repeat] = [await exchange(url, sent), await exchange(url, sent)];
  expect(first, printed).toMatchObject({ status: 201, replayed: false, text: '{"orders":1,"isReachable":false}' });
  expect([repeat.replayed, lasting(repeat)]).toEqual([true, lasting(first)]);
});

test.for(Object.keys(webPrograms).map((name, at) => [name, at] as const))(
  "a first response is what it is without once-again: %s",
  async ([name, at]) => {
    const ask = (route: string) =>
      exchange(url, { path: `/${route}/web/${encodeURIComponent(name)}`, key: `program-${at}` });
    const [plain, guarded] = [await ask("plain"), await ask("once")];
    const { "idempotency-key-policy": _policy, ...headers } = guarded.headers;
    expect(lasting({ ...guarded, headers })).toEqual(lasting(plain));
  },
);
