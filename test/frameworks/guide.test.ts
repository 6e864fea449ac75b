import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { exchange, lasting } from "./exchange.ts";
import { abilities, type Ability } from "./framework.ts";
import { frameworks } from "./frameworks.ts";
import { startExample } from "./start-example.ts";

// docs/guides/frameworks.md is true: its programs run, and its table lists the tests that the suite skips.

const page = "docs/guides/frameworks.md";

test.for(["express.ts", "fastify.ts", "hono.ts", "koa.ts", "nest/main.ts"])(
  "%s makes one order of two requests",
  async (file) => {
    const url = await startExample(`examples/frameworks/${file}`, { KEYS_DB: join(temporaryFolder(), "keys.db") });
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
