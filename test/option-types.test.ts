import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const frameworks = join(import.meta.dirname, "../packages/once-again/src/frameworks");
const webhooks = join(import.meta.dirname, "../packages/once-again/src/messaging/webhooks");
const stores = join(import.meta.dirname, "../packages/once-again/src/stores");

const head = `
import express from "express";
import { Pool } from "pg";
import { onceExpress } from ${JSON.stringify(join(frameworks, "express.ts"))};
import { onceFastify } from ${JSON.stringify(join(frameworks, "fastify.ts"))};
import { onceWeb } from ${JSON.stringify(join(frameworks, "web.ts"))};
import { onceHono } from ${JSON.stringify(join(frameworks, "hono.ts"))};
import { onceKoa } from ${JSON.stringify(join(frameworks, "koa.ts"))};
import { onceNest } from ${JSON.stringify(join(frameworks, "nest/index.ts"))};
import { onceNode } from ${JSON.stringify(join(frameworks, "node.ts"))};
import { webhookRoute } from ${JSON.stringify(join(webhooks, "webhook-route.ts"))};
import { memoryStore } from ${JSON.stringify(join(stores, "memory/index.ts"))};
import { postgresStore } from ${JSON.stringify(join(stores, "postgres/index.ts"))};
const store = memoryStore();
`;

/**
 * The errors of TypeScript about each of these statements, as one text; of several overloads those of the last one, since TypeScript 7
 * shows no others.
 */
function typeErrorsOf(statements: readonly string[]): string[] {
  const file = join(import.meta.dirname, "option-types.program.ts");
  const text = head + statements.join("\n");
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true, types: ["node"] },
    ...{ target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.NodeNext, exactOptionalPropertyTypes: true },
    lib: ["lib.es2024.d.ts", "lib.esnext.array.d.ts", "lib.esnext.disposable.d.ts"],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const isProgram = (name: string): boolean => name === file;
  host.fileExists = (name) => isProgram(name) || fileExists(name);
  host.readFile = (name) => (isProgram(name) ? text : readFile(name));
  host.getSourceFile = (name, ...rest) =>
    isProgram(name) ? ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  const source = program.getSourceFile(file)!;
  const first = head.split("\n").length;
  const errors = statements.map(() => "");
  for (const { start = 0, messageText } of program.getSemanticDiagnostics(source)) {
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    const shown = ts.flattenDiagnosticMessageText(messageText, "\n").split(/Overload \d of \d/);
    errors[line - first] += `${shown.at(-1)}\n`;
  }
  return errors;
}

const adapters = (options: string): string[] => [
  ...["onceExpress", "onceFastify", "onceHono", "onceKoa", "onceNest"].map((name) => `${name}(${options});`),
  `onceWeb(${options}, () => new Response());`,
  `onceNode(${options}, (_request, response) => void response.end());`,
];

test("TypeScript names the mistake in the options of each adapter", () => {
  const mistakes: [options: string, error: RegExp][] = [
    [`{ store }`, /Property 'scope' is missing/],
    [`{ store, scope: "public", retentionMS: 5 }`, /Did you mean to write 'retentionMs'\?/],
    [`{ store, scope: "public", limits: { bodyByteMax: 5 } }`, /Did you mean to write 'bodyBytesMax'\?/],
    [`{ store, scope: "public", profile: { name: "acp", keyHeder: "x" } }`, /Did you mean to write 'keyHeader'\?/],
    [`{ store, scope: "public", bodyBytesMax: 5 }`, /'bodyBytesMax' does not exist/],
    [`{ store, scope: "public", onUnknown: { quiesceMs: 5 } }`, /Property 'action' is missing/],
    [`{ store, scope: "public", identify: () => undefined }`, /'identify' does not exist/],
    [`{ store, scope: "public", random: 0.5 }`, /Type 'number' is not assignable to type 'Random'/],
  ];
  const right = adapters(`{ store, scope: "public", limits: { bodyBytesMax: 5 }, onUnknown: "hold" }`);
  const routes = [
    "const route = webhookRoute({ store, endpoint: 'a', verify: () => undefined });",
    ...adapters("route"),
  ];
  const statements = [...mistakes.flatMap(([options]) => adapters(options)), ...right, ...routes];
  const errors = typeErrorsOf(statements);
  const expected = mistakes.flatMap(([options, error]) => adapters(options).map(() => error));
  for (const [index, statement] of statements.entries()) {
    const error = expected[index];
    if (error === undefined) expect(errors[index], statement).toBe("");
    else expect(errors[index], statement).toMatch(error);
  }
});

test("handlers behind onceExpress have Express' types, whatever scope takes", () => {
  const handler = `express.json(), ({ params, body }, response) => {
    const id: string = params.id;
    const amount: number = body.amount;
    const { transaction } = response.locals.once!;
    void transaction.query<{ id: number }>("SELECT 1").then(({ rows }) => response.json(rows[0]!.id + amount + id));
  }`;
  const route = (scope: string): string =>
    `express().post("/orders/:id", onceExpress({ mode: "transactional", store: postgresStore(new Pool()), ${scope} }), ${handler});`;
  const statements = [
    route("scope: (request: express.Request) => request.ip!"),
    route("scope: (request) => request.headers.host!"),
    route("scope: 'public'"),
  ].map((statement) => statement.replaceAll("\n", " "));
  for (const [index, error] of typeErrorsOf(statements).entries()) expect(error, statements[index]).toBe("");
});
