import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkSync } from "recheck";
import ts from "typescript";
import { expect, test } from "vitest";

// Text of strangers is held against patterns, and one that backtracks takes seconds for some of it. recheck finds such a text, or
// shows that no such text exists: each pattern takes time that grows with the length of its text, and no faster.

const packages = join(import.meta.dirname, "../../packages");
const files = globSync("*/{src,page}/**/*.{ts,tsx}", { cwd: packages, exclude: ["**/*.test.ts", "**/node_modules"] });

/** The patterns of a file, each with its line. */
function* patternsOf(file: string): Generator<readonly [place: string, pattern: string]> {
  const source = ts.createSourceFile(file, readFileSync(join(packages, file), "utf8"), ts.ScriptTarget.Latest, true);
  const nodes: ts.Node[] = [source];
  for (const node of nodes) {
    nodes.push(...node.getChildren(source));
    if (!ts.isRegularExpressionLiteral(node)) continue;
    yield [`${file}:${source.getLineAndCharacterOfPosition(node.pos).line + 1}`, node.text];
  }
}

const patterns = files.flatMap((file) => [...patternsOf(file)]);

test("there are patterns to check, in every package", () => {
  expect(new Set(patterns.map(([place]) => place.split("/")[0]))).toEqual(
    new Set(files.map((file) => file.split("/")[0])),
  );
});

test("none takes longer than its text", { timeout: 600_000 }, () => {
  const slow = patterns.flatMap(([place, pattern]) => {
    const [, source = "", flags = ""] = /^\/(.*)\/([a-z]*)$/s.exec(pattern)!;
    // recheck does not know the flag v, under which our patterns mean the same as under u, nor d.
    const found = checkSync(source, flags.replace("v", "u").replace("d", ""), { timeout: 60_000 });
    if (found.status === "safe") return [];
    return `${place} ${pattern} by ${found.status === "vulnerable" ? found.attack.pattern : found.error.kind}`;
  });
  expect(slow).toEqual([]);
});
