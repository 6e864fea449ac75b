import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { conformanceCases, mcpCases, mcpProfiles, verifyProfiles } from "../../packages/tools/src/verify/index.ts";

const page = readFileSync("docs/spec/response-side.md", "utf8");

/** The numbered rules of the page, each with its lines. */
const rules = page.split(/^(?=\d+\. |#)/m).filter((part) => /^\d+\. /.test(part));

test("each rule with a MUST is linked to a case that tests it", () => {
  const bare = rules.filter((rule) => /\bMUST\b/.test(rule) && !/\[M?[A-Z]\d\d\]\(/.test(rule));
  expect(bare).toEqual([]);
  expect(rules.filter((rule) => /\bMUST\b/.test(rule)).length).toBeGreaterThanOrEqual(20);
});

test("each case that it names exists, and its link leads to the case", () => {
  const idsOf = (cases: readonly { readonly id: string }[]): string[] => cases.map(({ id }) => id);
  const known = new Set([
    ...idsOf(conformanceCases),
    ...idsOf(mcpCases),
    ...Object.values(verifyProfiles).flatMap(({ cases }) => idsOf(cases)),
    ...Object.values(mcpProfiles).flatMap(({ cases }) => idsOf(cases)),
  ]);
  const links = Array.from(page.matchAll(/\[(M?[A-Z]\d\d)\]\(\.\.\/guides\/(verifying(?:-mcp)?)\.md#(\w+)\)/g));
  expect(links.length).toBeGreaterThan(30);
  const wrong = links.filter(
    ([, id = "", guide, anchor]) =>
      !known.has(id) || anchor !== id.toLowerCase() || guide !== (id.startsWith("M") ? "verifying-mcp" : "verifying"),
  );
  expect(wrong.map(([link]) => link)).toEqual([]);
});
