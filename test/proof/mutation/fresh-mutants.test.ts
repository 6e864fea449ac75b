import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";
import { checkFresh, mutated, StaleMutant } from "./workshop.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The sources of all tests, and the constant parts of their titles that have a place for a value. */
const sources = globSync(["packages/*/src/**/*.ts", "test/**/*.ts"], { cwd: root })
  .filter((path) => !path.startsWith("test/proof/mutation/"))
  .map((path) => readFileSync(join(root, path), "utf8"))
  .join("\n");
const titleParts = [...sources.matchAll(/\(\s*(["`])(.+?)\1,\s/g)]
  .flatMap(([, , title]) => title!.split(/%[sid]|\$\w+|\$\{[^}]*\}/))
  .filter((part) => part.length > 12);

/** Whether a test has this text in its title, or one with values in it may have. */
function isTitle(text: string): boolean {
  return sources.includes(text) || titleParts.some((part) => text.includes(part));
}

test.for(mutants)("the mutant is fresh: $guard", (mutant) => checkFresh(mutant));

test.for(mutants.filter(({ check }) => check.kind === "test"))("its test is there: $guard", ({ killedBy }) => {
  expect(isTitle(killedBy), `no test has "${killedBy}" in its title`).toBe(true);
});

test("a test that was renamed is not there any more", () => {
  expect(isTitle("a title that no test of this repository has")).toBe(false);
});

test("a mutant is stale when its text is missing, or there twice", () => {
  const mutant = { ...mutants[0]!, search: "guard", replace: "" };
  expect(() => mutated("no such thing", mutant)).toThrow(StaleMutant);
  expect(() => mutated("guard and guard", mutant)).toThrow(StaleMutant);
  expect(mutated("a guard here", mutant)).toBe("a  here");
});
