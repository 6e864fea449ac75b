import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import type { ConfigProblem } from "./config-problem.ts";

/** A place in a document: names of mappings and numbers of lists. */
export type Path = readonly (string | number)[];

/** A file of YAML or JSON, read: its value, and where in the file a part of it stands. */
export interface YamlSource {
  readonly value: unknown;
  /** A problem at the place of a value; where the value is missing, at the place that should have it. */
  problemAt(path: Path, message: string): ConfigProblem;
  /** The same for the name of a setting. */
  problemAtName(path: Path, name: string, message: string): ConfigProblem;
}

/** @returns the problems alone, for a text that can't be read. */
export function readYaml(file: string, text: string): YamlSource | { readonly problems: readonly ConfigProblem[] } {
  const json = text.trimStart().startsWith("{") ? readJson(text) : undefined;
  // Large OpenAPI documents are JSON, of which places are seldom asked for.
  if (json !== undefined)
    return source(
      file,
      json,
      once(() => parse(text)),
    );
  const parsed = parse(text);
  const problems = parsed.document.errors.map(({ message, pos }) => ({ file, ...place(parsed, pos[0]), message }));
  if (problems.length > 0) return { problems };
  try {
    return source(file, parsed.document.toJS() ?? {}, () => parsed);
  } catch (error) {
    // Aliases that make too much of it, or lead nowhere.
    return { problems: [{ file, message: (error as Error).message }] };
  }
}

interface Parsed {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

function parse(text: string): Parsed {
  const lines = new LineCounter();
  return { document: parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true }), lines };
}

function source(file: string, value: unknown, parsed: () => Parsed): YamlSource {
  const at = (offset: number | undefined, message: string): ConfigProblem =>
    offset === undefined ? { file, message } : { file, ...place(parsed(), offset), message };
  return {
    value,
    problemAt: (path, message) => at(offsetOf(parsed().document, path), message),
    problemAtName(path, name, message) {
      const map = parsed().document.getIn(path, true);
      const pair = isMap(map) ? map.items.find(({ key }) => String(key) === name) : undefined;
      return at((pair?.key as { range?: readonly [number] } | undefined)?.range?.[0], message);
    },
  };
}

/** The offset of the deepest part of a path that is there. */
function offsetOf(document: Document.Parsed, path: Path): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as { range?: readonly [number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return undefined;
}

function place({ lines }: Parsed, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}
