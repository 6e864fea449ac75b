import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

// Every call of a store by a server goes through the bounded store, which waits no longer than `storeMsMax`.

const room = import.meta.dirname;
const rooms = ["engine", "http", "function", "mcp", "agents", "messaging/inbox"].map((name) => join(room, "..", name));
const port = join(room, "../stores/store.ts");
/** The bounded store itself. */
const mayCall: ReadonlySet<string> = new Set(["bounded-store.ts"]);

/** The calls of a store's methods in these files, by the types of what they are called on. */
function storeCalls(sources: Readonly<Record<string, string | undefined>>): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  host.readFile = (path) => sources[path] ?? read(path);
  const exists = host.fileExists.bind(host);
  host.fileExists = (path) => path in sources || exists(path);
  const program = ts.createProgram(Object.keys(sources), options, host);
  const checker = program.getTypeChecker();
  const found: string[] = [];
  for (const path of Object.keys(sources)) {
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAccessExpression(node) || ts.isBindingElement(node)) {
        const name = ts.isPropertyAccessExpression(node) ? node.name : (node.propertyName ?? node.name);
        const owner = checker.getTypeAtLocation(ts.isPropertyAccessExpression(node) ? node.expression : node.parent);
        const method = checker.getPropertyOfType(owner, name.getText());
        const isPort = method?.declarations?.some(
          (declaration) => ts.isMethodSignature(declaration) && declaration.getSourceFile().fileName === port,
        );
        if (isPort) found.push(`${basename(path)}: ${node.getText()}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(program.getSourceFile(path)!);
  }
  return found;
}

test("only the bounded store calls a store in these rooms", () => {
  const files = rooms.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !mayCall.has(name))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(20);
  expect(storeCalls(Object.fromEntries(files.map((file) => [file, undefined])))).toEqual([]);
});

test("a call that goes around the bounded store is found, however it is written", () => {
  const written = (body: string): string =>
    `import type { Store } from "../stores/store.ts";\nexport const go = (keys: Store) => { ${body} };\n`;
  const bodies = [
    'return keys.inspect({ scope: "", key: "" });',
    "const { purge } = keys; return purge({ limit: 1 });",
    "const aside = keys; return aside.claim;",
  ];
  for (const body of bodies) {
    expect(storeCalls({ [join(room, "around.ts")]: written(body) }), body).toHaveLength(1);
  }
});
