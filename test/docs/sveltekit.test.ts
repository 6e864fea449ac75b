import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";
import { exchange, lasting } from "../frameworks/exchange.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { until } from "../support/until.ts";

// The recipe in the real SvelteKit.

const page = "<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>";
const config = 'import { sveltekit } from "@sveltejs/kit/vite";\nexport default { plugins: [sveltekit()] };\n';

/** An app with one endpoint, in a folder where SvelteKit is found as in a project that has installed it. */
async function makeApp(): Promise<string> {
  const cache = resolve("node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "sveltekit-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await build({
    entryPoints: ["examples/recipes/sveltekit.ts"],
    outfile: join(folder, "src/routes/orders/+server.js"),
    bundle: true,
    platform: "node",
    format: "esm",
    conditions: ["@once-again/source"],
  });
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  writeFileSync(join(folder, "vite.config.js"), config);
  writeFileSync(join(folder, "src/app.html"), page);
  return folder;
}

test("sveltekit.ts makes one order of two requests, and none for a stranger", async () => {
  const folder = await makeApp();
  const port = await serverPort();
  const vite = join(dirname(createRequire(import.meta.url).resolve("vite/package.json")), "bin/vite.js");
  const server = spawn(process.execPath, [vite, "dev", "--host", "127.0.0.1", "--port", String(port)], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: "development", KEYS_DB: join(folder, "keys.db") },
  });
  onTestFinished(async () => {
    server.kill();
    await until(() => server.exitCode !== null || server.signalCode !== null);
  });
  let printed = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => (printed += String(text)));
  await until(() => printed.includes("ready in"));
  const url = `http://127.0.0.1:${port}`;
  const sent = { path: "/orders", headers: { authorization: "Bearer secret" } };
  const [first, repeat] = [await exchange(url, sent), await exchange(url, sent)];
  expect(first, printed).toMatchObject({ status: 201, replayed: false, headers: { location: "/orders/7" } });
  expect(JSON.parse(first.text)).toEqual({ order: { item: "tea" }, key: "order-7" });
  expect(repeat.replayed).toBe(true);
  expect(lasting(repeat)).toEqual(lasting(first));
  expect(await exchange(url, { ...sent, body: '{"item":"coffee"}' })).toMatchObject({ status: 422 });
  expect(await exchange(url, { ...sent, headers: { authorization: "Bearer forged" } })).toMatchObject({ status: 401 });
});
