import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { profiles } from "../../packages/once-again/src/http/profile.ts";
import { problem, type ProblemCode } from "../../packages/once-again/src/http/refusals.ts";
import { conformanceCases, mcpCases, mcpProfiles, verifyProfiles } from "../../packages/tools/src/verify/index.ts";

const page = readFileSync("docs/spec/response-side.md", "utf8");

/** The numbered rules of the page, each with its lines. */
const rules = page.split(/^(?=\d+\. |#)/m).filter((part) => /^\d+\. /.test(part));

test("each rule with a MUST is linked to a case that tests it", () => {
  const bare = rules.filter((rule) => /\bMUST\b/.test(rule) && !/\[M?[A-Z]\d\d\]\(/.test(rule));
  expect(bare).toEqual([]);
  expect(rules.filter((rule) => /\bMUST\b/.test(rule)).length).toBeGreaterThanOrEqual(20);
});

test("each paragraph that the server written from it names is there", () => {
  const server = readFileSync("conformance/servers/page.py", "utf8");
  const cited = Array.from(server.matchAll(/(?:# |, |: |""")(\d+)(?:\.(\d+))?(?=[:,.]|$)/gm), ([, part, rule]) => [
    part,
    rule,
  ]);
  expect(cited.length).toBeGreaterThan(20);
  const missing = cited.filter(([part, rule]) => {
    const section = page.split(/^## /m).find((text) => text.startsWith(`${part}. `));
    return section === undefined || (rule !== undefined && !section.includes(`\n${rule}. `));
  });
  expect(missing).toEqual([]);
});

test("each problem in its table is what our servers answer, and has a page", () => {
  const rows = Array.from(
    page.matchAll(/^ *\|[^|]*\| *(\d+) \| (yes|no) *\| `(\S+\/(ONCE_\w+)\.md)` *\|$/gm),
    ([, status, comesBack, type, code]) => ({
      status: Number(status),
      comesBack: comesBack === "yes",
      type,
      code: code!,
    }),
  );
  expect(rows.length).toBe(6);
  const ours = rows.map(({ code }) => {
    const style = {
      profile: profiles.draft,
      problemBase: "https://unpkg.com/once-again@0/docs/errors/",
      retryAfter: () => 1,
      reusedStatus: 422,
    } as const;
    const { status, headers, body } = problem(style, code as ProblemCode, "");
    const { type } = JSON.parse(new TextDecoder().decode(body)) as { type: string };
    return { status, comesBack: headers.some(([name]) => name === "retry-after"), type, code };
  });
  expect(rows).toEqual(ours);
  for (const { code } of rows) expect(existsSync(`docs/errors/${code}.md`)).toBe(true);
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
