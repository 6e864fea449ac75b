import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { storeKits } from "../../packages/once-again/src/stores/kits.ts";

// A reader who knows one engine's folder finds the same things under the same names in the others.

const stores = fileURLToPath(new URL("../../packages/once-again/src/stores/", import.meta.url));

/** The names that every engine's folder shares: each has those that it needs. */
const sharedNames: ReadonlySet<string> = new Set([
  "index",
  "client",
  "connection",
  "session",
  "store",
  "leased-operations",
  "transact",
  "callers-transaction",
  "outbox",
  "outbox-statements",
  "intents",
  "statements",
  "record-format",
  "schema",
  "scan",
  "errors",
  "health",
  "kit",
  "open",
]);

/** Stories that only one engine has. */
const ownNames: Readonly<Record<string, readonly string[]>> = {
  d1: [],
  "durable-object": ["object-keys"],
  indexeddb: ["resume-on", "tab-lock"],
  "react-native": [],
  ...Object.fromEntries(storeKits.map(({ name, ownFiles = [] }) => [name, ownFiles])),
};

/** Folders that no engine owns. */
const shared = ["guard", "sql"];

const folders = readdirSync(stores, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !shared.includes(entry.name))
  .map(({ name }) => name);

test("each engine's folder has a list of its stories", () => {
  expect(folders.sort()).toEqual(Object.keys(ownNames).sort());
});

describe.each(folders)("%s", (folder) => {
  const names = readdirSync(`${stores}${folder}`)
    .filter((name) => !name.endsWith(".test.ts"))
    .map((name) => name.replace(/\.ts$/, ""));
  const own = ownNames[folder] ?? [];

  test("takes its file names from the list", () => {
    expect(names.filter((name) => !sharedNames.has(name) && !own.includes(name))).toEqual([]);
  });

  test("has the stories that are listed for it", () => {
    expect(own.filter((name) => !names.includes(name))).toEqual([]);
  });
});

test("a shared name stands in more than one folder", () => {
  const all = folders.flatMap((folder) => readdirSync(`${stores}${folder}`));
  const lonely = [...sharedNames].filter((name) => all.filter((file) => file === `${name}.ts`).length < 2);
  expect(lonely).toEqual([]);
});
