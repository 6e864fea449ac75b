import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { compilerOptions } from "../../scripts/compiler-options.ts";
import { modules } from "../../scripts/entries.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const library = "/packages/once-again/src/";

/**
 * How many names a user of the library can import, from all its subpaths but `internal`. To raise it is a decision: an option
 * type needs no name, since it is `Parameters<typeof openRelay>[0]`, and names for our own packages are in `internal`.
 */
const namesMax = 309;

/** Bounds of type parameters that TypeScript always infers from the client or the tools that a caller gives. */
const inferred: ReadonlySet<string> = new Set([
  "MikroOrmManager",
  "MysqlConnection",
  "ObjectClass",
  "PgConnection",
  "PostgresJsConnection",
  "PrismaTransaction",
  "SequelizeTransaction",
  "ToolClient",
  "TypeOrmManager",
]);

const entries = modules.filter(({ specifier }) => /^once-again(?!\/internal)/.test(specifier));

function openProgram(): ts.Program {
  return ts.createProgram(
    entries.map(({ source }) => root + source),
    { ...compilerOptions(), noEmit: true },
  );
}

const program = openProgram();
const checker = program.getTypeChecker();

const isOurs = ({ declarations = [] }: ts.Symbol): boolean =>
  declarations.some((declaration) => declaration.getSourceFile().fileName.includes(library));

/** Every symbol that users can import, with the first subpath that has it. */
const exported = new Map<ts.Symbol, string>();
for (const { specifier, source } of entries) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(root + source)!)!;
  for (const name of checker.getExportsOfModule(module)) {
    const symbol = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name;
    if (!exported.has(symbol)) exported.set(symbol, `${specifier}: ${name.name}`);
  }
}

/** Adds the names that TypeScript writes into a declaration file for a value of a type: those that it has, and not what is in them. */
function addWrittenNames(type: ts.Type, names: Set<ts.Symbol>, seen: Set<ts.Type>): void {
  const add = (part: ts.Type | undefined): void => {
    if (part !== undefined) addWrittenNames(part, names, seen);
  };
  if (seen.has(type)) return;
  seen.add(type);
  if (type.flags & ts.TypeFlags.TypeParameter) return add(type.getConstraint());
  const { aliasSymbol, aliasTypeArguments = [] } = type;
  if (aliasSymbol !== undefined && isOurs(aliasSymbol)) {
    names.add(aliasSymbol);
    return aliasTypeArguments.forEach(add);
  }
  if (type.isUnionOrIntersection()) return type.types.forEach(add);
  const symbol = type.getSymbol();
  checker.getTypeArguments(type as ts.TypeReference).forEach(add);
  if (symbol === undefined || !isOurs(symbol)) return;
  if (symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class)) return void names.add(symbol);
  for (const signature of type.getCallSignatures()) {
    add(signature.getReturnType());
    for (const parameter of signature.parameters) add(checker.getTypeOfSymbol(parameter));
  }
  for (const property of type.getProperties()) add(checker.getTypeOfSymbol(property));
}

test(`the library exports at most ${namesMax} names`, () => {
  const names = [...exported.values()].toSorted();
  expect(names.length, names.join("\n")).toBeLessThanOrEqual(namesMax);
});

test("a user's declaration file can name the result of every function", () => {
  const missing: string[] = [];
  for (const [symbol, name] of exported) {
    if (!(symbol.flags & ts.SymbolFlags.Value)) continue;
    const written = new Set<ts.Symbol>();
    const type = checker.getTypeOfSymbol(symbol);
    const signatures = type.getCallSignatures();
    const seen = new Set<ts.Type>();
    for (const signature of signatures) addWrittenNames(signature.getReturnType(), written, seen);
    if (signatures.length === 0) addWrittenNames(type, written, seen);
    missing.push(
      ...[...written]
        .filter((one) => !exported.has(one) && !inferred.has(one.name))
        .map((one) => `${one.name}, for ${name}`),
    );
  }
  expect(missing).toEqual([]);
});
