/** Prints how many lines the library's source has, by room and by kind. Tests are not counted. */
import { globSync, readFileSync } from "node:fs";
import { relative, sep } from "node:path";
import ts from "typescript";

const source = "packages/once-again/src";

type Kind = "code" | "comments" | "types" | "imports" | "blank";

/** Imports, exports and overloads say where a thing is, and run nothing. */
function kindOf(node: ts.Node): Kind | undefined {
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isModuleDeclaration(node))
    return "types";
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return "imports";
  return ts.isFunctionDeclaration(node) && node.body === undefined ? "imports" : undefined;
}

function countKinds(path: string): Record<Kind, number> {
  const text = readFileSync(path, "utf8");
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const kinds: Kind[] = text
    .split("\n")
    .slice(0, -1)
    .map((line) => (line.trim() === "" ? "blank" : "code"));
  const mark = (kind: Kind, from: number, to: number): void => {
    const [first, last] = [from, to].map((at) => file.getLineAndCharacterOfPosition(at).line) as [number, number];
    for (let line = first; line <= last; line += 1) if (kinds[line] === "code") kinds[line] = kind;
  };
  // A comment that stands behind code is on a line of code.
  const markComments = (node: ts.Node): void => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      const lineStart = text.lastIndexOf("\n", pos) + 1;
      if (text.slice(lineStart, pos).trim() === "") mark("comments", pos, end);
    }
  };
  const visit = (node: ts.Node): void => {
    markComments(node);
    node.getChildren(file).forEach(visit);
    const kind = kindOf(node);
    if (kind !== undefined) mark(kind, node.getStart(file), node.getEnd());
  };
  visit(file);
  const counts: Record<Kind, number> = { code: 0, comments: 0, types: 0, imports: 0, blank: 0 };
  for (const kind of kinds) counts[kind] += 1;
  return counts;
}

/** The room of a file: its folder, and of stores and frameworks the folder in it. */
function roomOf(path: string): string {
  const folders = relative(source, path).split(sep).slice(0, -1);
  return folders.slice(0, folders[0] === "stores" || folders[0] === "frameworks" ? 2 : 1).join("/") || "(root)";
}

const rooms = new Map<string, Record<Kind | "lines", number>>();
for (const path of globSync(`${source}/**/*.{ts,tsx}`).toSorted()) {
  if (/\.test\.tsx?$/.test(path)) continue;
  const counts = countKinds(path);
  const lines = Object.values(counts).reduce((sum, count) => sum + count, 0);
  for (const room of [roomOf(path), "all"]) {
    const before = rooms.get(room) ?? { lines: 0, code: 0, comments: 0, types: 0, imports: 0, blank: 0 };
    before.lines += lines;
    for (const [kind, count] of Object.entries(counts)) before[kind as Kind] += count;
    rooms.set(room, before);
  }
}
console.table(Object.fromEntries([...rooms].toSorted(([, one], [, other]) => other.lines - one.lines)));
