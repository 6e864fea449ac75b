import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transform } from "esbuild";
import { expect, onTestFinished, test } from "vitest";
import { serverPort } from "../support/servers/server-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../support/until.ts";
import { exchange, lasting } from "./exchange.ts";
import { abilities, type Ability } from "./framework.ts";
import { frameworks } from "./frameworks.ts";

// What docs/guides/frameworks.md says: its programs run, and its table is what the suite skips.

const page = "docs/guides/frameworks.md";

test.for(["express.ts", "fastify.ts", "hono.ts", "koa.ts", "nest/main.ts"])(
  "%s makes one order of two requests",
  async (file) => {
    const url = await started(await runnable(`examples/frameworks/${file}`));
    const sent = { path: "/orders", headers: { "x-account": "acme" } };
    const [first, repeat] = [await exchange(url, sent), await exchange(url, sent)];
    expect(first).toMatchObject({ status: 201, replayed: false, headers: { location: "/orders/7" } });
    expect(JSON.parse(first.text)).toEqual({ order: { item: "tea" }, key: "order-7" });
    expect(repeat.replayed).toBe(true);
    expect(lasting(repeat)).toEqual(lasting(first));
    expect(await exchange(url, { ...sent, body: '{"item":"coffee"}' })).toMatchObject({ status: 422 });
    expect(await exchange(url, { ...sent, headers: { "x-account": "globex" } })).toMatchObject({ replayed: false });
    const policy = await exchange(url, { method: "GET", path: "/.well-known/idempotency-key" });
    expect(JSON.parse(policy.text)).toMatchObject({ header: "Idempotency-Key", retentionSeconds: 86_400 });
  },
);

test("the guide's table says what each framework can't do, and why", () => {
  const text = readFileSync(page, "utf8");
  for (const [ability, title] of Object.entries(abilities)) {
    const unable = frameworks.filter(({ cannot }) => cannot[ability as Ability] !== undefined);
    const row = text.split("\n").find((line) => line.startsWith(`| ${title} `));
    expect(row, title).toBeDefined();
    for (const { name } of frameworks)
      expect(row?.includes(`\`${name}\``), `${title}: ${name}`).toBe(unable.some((one) => one.name === name));
    for (const { cannot } of unable) expect(row).toContain(cannot[ability as Ability]);
  }
});

/** A program that Node runs as it is: decorators are compiled, as Nest's own tools do. */
async function runnable(file: string): Promise<string> {
  if (!file.includes("nest")) return file;
  const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
  const { code } = await transform(readFileSync(file, "utf8"), {
    loader: "ts",
    format: "esm",
    target: "es2024",
    tsconfigRaw,
  });
  // Beside its source, where it finds the packages.
  const compiled = file.replace("main.ts", `main-${process.pid}.mjs`);
  await writeFile(compiled, code);
  onTestFinished(() => rm(compiled));
  return compiled;
}

async function started(program: string): Promise<string> {
  const port = await serverPort();
  const child = spawn(process.execPath, ["--conditions=@once-again/source", program], {
    env: { ...process.env, PORT: String(port), KEYS_DB: join(temporaryFolder(), "keys.db") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => ended(child));
  await once(child.stdout, "data");
  return `http://127.0.0.1:${port}`;
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill();
  await until(() => child.exitCode !== null || child.signalCode !== null);
}
