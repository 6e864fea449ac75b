import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// A store is known in its rooms, and in two lists. Each other file that names it is one more that a new store would have to
// touch, so their number may only fall.

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The most files outside its rooms that may name a store: outboxes, brokers, benches and mutants, which have no kit yet. SQLite, PostgreSQL
 * and Redis are the ground of many other tests.
 */
const filesMax = { mariadb: 30, nats: 46, dynamodb: 32 };

/** The two lists, what is generated from kits, and SQL's dialects. */
const exempt =
  /^(packages\/once-again\/src\/(stores\/(kits\.ts|sql\/|guard\/)|core\/duck-typing-table\.ts)|test\/kits\/stores\/[\w-]+\.ts)/;

const files = globSync(["packages/*/src/**/*.{ts,tsx}", "scripts/*.ts", "test/**/*.ts", "bench/**/*.ts"], { cwd: root })
  .filter((path) => !exempt.test(path) && !path.endsWith("store-words.test.ts"))
  .map((path) => ({ path, text: readFileSync(`${root}${path}`, "utf8") }));

test.each(Object.entries(filesMax))("%s stands in no more files outside its rooms", (name, limit) => {
  const word = new RegExp(String.raw`\b${name}\b`, "i");
  const naming = files.filter(({ path, text }) => !path.includes(name) && word.test(text));
  const message = `Say less of ${name} there, or lower its limit:\n${naming.map(({ path }) => path).join("\n")}`;
  expect(naming.length, message).toBe(limit);
});
