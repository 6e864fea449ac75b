import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { runExample } from "../frameworks/start-example.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// A server must end with an error where its port is taken. Express 5 calls the callback of `listen` with that error: a
// callback that takes no argument prints "listening", and the process ends with 0.

// Those that need a database, a broker or a parent are not run: the next test reads them.
const needy = /payments\/|monitoring\/|gateway\/|mcp\/|webhooks\/main|testing-crash-server/;
const servers = globSync("examples/**/*.ts").filter(
  (file) => !needy.test(file) && readFileSync(file, "utf8").includes('process.env["PORT"]'),
);

test("there are servers of every framework", () => {
  expect(servers.length).toBeGreaterThan(14);
});

test.for(servers)("%s ends with an error on a taken port", async (file) => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const child = await runExample(file, port, { KEYS_DB: join(temporaryFolder(), "keys.db") }, "pipe");
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "exit") as Promise<[number]>,
  ]);
  expect(output).not.toContain("listening");
  expect(errors).toContain(`address already in use 127.0.0.1:${port}`);
  expect(code).toBe(1);
});

const texts = globSync([
  "README.md",
  "docs/**/*.md",
  "packages/*/README.md",
  "examples/**/*.ts",
  "packages/*/templates/**/*.ts",
]);

test("no program of Express ignores the error that listen's callback gets", () => {
  const programs = texts
    .filter((file) => !file.includes("node_modules"))
    .flatMap((file) => {
      const whole = readFileSync(file, "utf8");
      const blocks = file.endsWith(".md")
        ? Array.from(whole.matchAll(/^```\w+\n[^]*?^```/gm), ([block]) => block)
        : [whole];
      return blocks
        .filter((block) => /from "express"|require\("express"\)/.test(block))
        .map((block) => ({ file, block }));
    });
  expect(programs.length).toBeGreaterThan(10);
  const careless = programs.filter(({ block }) => /\.listen\([^;]*?\(\) =>/.test(block));
  expect(careless.map(({ file }) => file)).toEqual([]);
});
