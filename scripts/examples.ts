/**
 * Compiles every program that a reader may copy: the `@example` of each comment, the TypeScript of each page, and the programs
 * in examples/. Once under the flags of this repository, and once under plain `strict`, as users have it.
 */
import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import process from "node:process";
import ts from "typescript";
import { compilerOptions } from "./compiler-options.ts";
import { modules } from "./entries.ts";
import { contextNames, contextNamesOf } from "./example-context.ts";

/** A text that is compiled, and the place where a reader finds it. */
interface Snippet {
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

const ours = compilerOptions();

const plain: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  types: ["node"],
  strict: true,
  // The declarations of drivers contradict each other where an optional one is not installed.
  skipLibCheck: true,
  noEmit: true,
  experimentalDecorators: true,
  allowImportingTsExtensions: true,
  customConditions: ["@once-again/source"],
};

/** An example shows a part of a program: not every name is used. */
const relaxed: ts.CompilerOptions = {
  ...ours,
  noUnusedLocals: false,
  noUnusedParameters: false,
  noPropertyAccessFromIndexSignature: false,
  verbatimModuleSyntax: false,
  experimentalDecorators: true,
};

const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;

/** The blocks of TypeScript in the comments of a source. */
function exampleSnippets(file: string): Snippet[] {
  const source = readFileSync(file, "utf8");
  return Array.from(
    source.matchAll(/\* @example\n(?:\s*\*.*\n)*?\s*\* ```ts\n((?:\s*\*.*\n)*?)\s*\* ```/g),
    (match) => ({
      text: match[1]!.replaceAll(/^\s*\* ?/gm, ""),
      file,
      line: lineAt(source, match.index),
    }),
  );
}

/** The blocks of a page, but for those that stand in examples/, which are compiled there. */
function pageSnippets(file: string): Snippet[] {
  const page = readFileSync(file, "utf8");
  return Array.from(page.matchAll(/(<!-- example: \S+ -->\n\n)?```ts\n(.*?)```\n/gs))
    .filter(([, mark]) => mark === undefined)
    .map((match) => ({ text: match[2]!, file, line: lineAt(page, match.index) }));
}

/** Where each public name can be imported from, with the source of each. */
function findSpecifiers(): Map<string, (typeof modules)[number][]> {
  const program = ts.createProgram(
    modules.map(({ source }) => source),
    ours,
  );
  const checker = program.getTypeChecker();
  const specifiers = new Map<string, (typeof modules)[number][]>();
  for (const module of modules) {
    const symbol = checker.getSymbolAtLocation(program.getSourceFile(module.source)!);
    for (const { name } of symbol === undefined ? [] : checker.getExportsOfModule(symbol)) {
      specifiers.set(name, [...(specifiers.get(name) ?? []), module]);
    }
  }
  return specifiers;
}

/** The names that a text uses without declaring them. */
function undeclaredNames(text: string): string[] {
  const source = ts.createSourceFile("x.ts", text, ts.ScriptTarget.ESNext, true);
  const declared = new Set<string>();
  const used = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const isDeclared =
        (ts.isVariableDeclaration(parent) || ts.isFunctionDeclaration(parent) || ts.isParameter(parent)) &&
        parent.name === node;
      const isImported = ts.isImportSpecifier(parent) || ts.isImportClause(parent) || ts.isNamespaceImport(parent);
      const isBound = ts.isBindingElement(parent) && parent.name === node;
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        (ts.isBindingElement(parent) && parent.propertyName === node);
      if (isDeclared || isImported || isBound) declared.add(node.text);
      else if (!isMember) used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...used].filter((name) => !declared.has(name));
}

/** Adds what an example leaves out: the imports of this library's names, and the names of the reader's own program. */
function complete(
  { text, file }: Snippet,
  specifiers: ReadonlyMap<string, readonly (typeof modules)[number][]>,
): string {
  const own = contextNamesOf[file] ?? {};
  const names = undeclaredNames(text);
  const head = names.flatMap((name) => {
    const [first, ...others] = specifiers.get(name) ?? [];
    // Two rooms may have the same name: an example means that of its room.
    const meant = others.find(({ source }) => posix.dirname(source) === posix.dirname(file)) ?? first;
    const imported = meant === undefined ? contextNames[name] : `import { ${name} } from "${meant.specifier}";`;
    return own[name] ?? imported ?? [];
  });
  const body = hasFreeReturn(text) ? `export async function example(): Promise<unknown> { ${text} return; }` : text;
  return `${head.join(" ")} export {};\n${body}`;
}

/** Whether a text is the body of a function. */
function hasFreeReturn(text: string): boolean {
  const find = (node: ts.Node): boolean =>
    ts.isReturnStatement(node) || (!ts.isFunctionLike(node) && (ts.forEachChild(node, find) ?? false));
  return find(ts.createSourceFile("x.ts", text, ts.ScriptTarget.ESNext, true));
}

function compile(texts: ReadonlyMap<string, Snippet & { compiled: string }>, options: ts.CompilerOptions): string[] {
  const host = ts.createCompilerHost(options, true);
  const disk = { ...host };
  const compiledOf = (file: string) => texts.get(posix.relative(process.cwd(), posix.resolve(file)))?.compiled;
  host.fileExists = (file) => compiledOf(file) !== undefined || disk.fileExists(file);
  host.readFile = (file) => compiledOf(file) ?? disk.readFile(file);
  host.getSourceFile = (file, languageVersion, ...rest) => {
    const text = compiledOf(file);
    if (text === undefined) return disk.getSourceFile(file, languageVersion, ...rest);
    return ts.createSourceFile(file, text, {
      ...(typeof languageVersion === "object" ? languageVersion : { languageVersion }),
      impliedNodeFormat: ts.ModuleKind.ESNext,
    });
  };
  const programs = globSync("examples/**/*.ts", {
    exclude: ["examples/frameworks/nest/**", "examples/frameworks/next/**"],
  });
  const program = ts.createProgram([...texts.keys(), ...programs], options, host);
  return [...texts.keys(), ...programs].flatMap((file) => {
    const source = program.getSourceFile(file)!;
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ start = 0, messageText, code }) => {
      const snippet = texts.get(file);
      const { line } = source.getLineAndCharacterOfPosition(start);
      const place = snippet === undefined ? `${file}:${line + 1}` : `${snippet.file}:${snippet.line + line}`;
      return `${place}: TS${code} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  });
}

const specifiers = findSpecifiers();
const sources = globSync("packages/*/src/**/*.ts", { exclude: ["**/*.test.ts"] });
const pages = globSync(["*.md", "docs/*.md", "docs/{guides,errors,decisions}/*.md", "packages/*/README.md"]);
const snippets = [...sources.flatMap(exampleSnippets), ...pages.flatMap(pageSnippets)];
const texts = new Map(
  snippets.map((snippet, index) => [
    `examples/${index}-of-a-page.ts`,
    { ...snippet, compiled: complete(snippet, specifiers) },
  ]),
);
const errors = [...compile(texts, relaxed), ...compile(texts, plain).map((error) => `${error} (under plain strict)`)];
process.stdout.write(errors.map((error) => `${error}\n`).join(""));
process.stdout.write(`${snippets.length} examples compiled.\n`);
process.exitCode = errors.length > 0 ? 1 : 0;
