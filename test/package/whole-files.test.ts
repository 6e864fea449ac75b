import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

const source = "packages/once-again/src";

/** A file below this many lines that only a neighbour imports is a page torn out of that neighbour's story. */
const linesMin = 60;

/** Small files that stand alone for a reason. */
const reasons: Readonly<Record<string, string>> = {
  "function/unique-scopes.ts": "one list of scopes for the whole process",
  "messaging/inbox/consumers/jetstream-partition.ts": "pure: tested apart from a server",
  "messaging/outbox/retry-or-park.ts": "pure: the explorer decides by it",
  "stores/dynamodb/without-sdk/signature.ts": "pure: held to the vectors of AWS",
  "stores/redis/owned-records.ts": "a measured short cut, with tests of its bounds",
  "stores/redis/server-clock.ts": "pure: tested apart from a server",
};

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .toSorted();

/** The names that the folders of several engines have in common: there, a small file keeps its place. */
function isSharedName(file: string): boolean {
  const [room, engine, name] = file.split("/");
  if (room !== "stores" || name === undefined) return false;
  return files.some(
    (other) => other.startsWith("stores/") && !other.startsWith(`stores/${engine}/`) && other.endsWith(`/${name}`),
  );
}

function importersByFile(): Map<string, string[]> {
  const importers = new Map<string, string[]>();
  for (const file of files) {
    const text = readFileSync(join(source, file), "utf8");
    for (const [, specifier] of text.matchAll(/\bfrom "(\.[^"]+)"/g)) {
      const target = normalize(join(dirname(file), specifier!));
      importers.set(target, [...(importers.get(target) ?? []), file]);
    }
  }
  return importers;
}

test("no small file of the library is a page torn out of its only neighbour", () => {
  const importers = importersByFile();
  const torn = files.filter((file) => {
    const [only, ...others] = importers.get(file) ?? [];
    if (only === undefined || others.length > 0) return false;
    const isNeighbour = dirname(only) === dirname(file) && !only.endsWith("index.ts");
    const lines = readFileSync(join(source, file), "utf8").trimEnd().split("\n").length;
    return isNeighbour && lines < linesMin && !isSharedName(file);
  });
  expect(
    torn.filter((file) => !(file in reasons)),
    "merge each into the file that imports it",
  ).toEqual([]);
  expect(
    Object.keys(reasons).filter((file) => !torn.includes(file)),
    "reasons that no file needs",
  ).toEqual([]);
});
