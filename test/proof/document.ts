/**
 * Writes the invariants into docs/verification.md, and the guards that hold each invariant into docs/verification/mutants.md;
 * with `--check`, fails if they differ. Fails, too, if the explorer's page has not each configuration with its verdict.
 */
import { readFileSync } from "node:fs";
import { updateSection } from "../../bench/page.ts";
import { explorations } from "./explorer/explorations.ts";
import { type InvariantName, invariants } from "./invariants.ts";
import { mutants } from "./mutation/mutants.ts";
import { markdownTable } from "../../scripts/markdown-table.ts";

const invariantRows = Object.entries(invariants).map(([name, says]) => [`\`${name}\``, says]);
updateSection("invariants", markdownTable(["name", "the rule"], invariantRows).join("\n"), "docs/verification.md");

const isInvariant = (name: string): name is InvariantName => Object.hasOwn(invariants, name);
const guardRows = mutants
  .filter(({ killedBy }) => isInvariant(killedBy))
  .map(({ guard, file, killedBy }) => [`\`${killedBy}\``, guard, file.replace("packages/once-again/src/", "")])
  .sort(([one = ""], [other = ""]) => (one < other ? -1 : one > other ? 1 : 0));

updateSection(
  "mutants",
  [
    `Without one of these ${guardRows.length} guards an invariant breaks. Files are in \`packages/once-again/src/\`.`,
    "",
    ...markdownTable(["invariant", "guard", "file"], guardRows),
  ].join("\n"),
  "docs/verification/mutants.md",
);

const explored = new Map(
  Array.from(
    readFileSync("docs/verification/explorer.md", "utf8").matchAll(/^\| (.*?) +\| (clean|violated: `.*?`) /gm),
    ([, name = "", verdict = ""]) => [name, verdict],
  ),
);
const missing = explorations.filter(
  ({ name, expected }) => explored.get(name) !== (expected === "clean" ? expected : `violated: \`${expected}\``),
);
if (missing.length > 0 || explored.size !== explorations.length) {
  const names = missing.map(({ name }) => name).join(", ");
  throw new Error(`docs/verification/explorer.md has ${explored.size} configurations, and not as they are: ${names}.`);
}
