import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { folderOfSuite } from "../support/temporary-folder.ts";
import { npmInstall } from "./consumer.ts";
import { packedPackages } from "./packed.ts";
import { run } from "../support/run.ts";

// The examples of docs/guides/commonjs-and-jest.md, in a project of CommonJS that has installed the packed library. Its
// `require` of
// every entry is in package.test.ts.

const page = readFileSync(fileURLToPath(new URL("../../docs/guides/commonjs-and-jest.md", import.meta.url)), "utf8");
const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));

const tools = ["typescript@5.9", "@types/node@24", "jest@30", "ts-jest@29", "@types/jest@30"];
const nest = ["common", "core", "platform-express", "testing"].map((name) => `@nestjs/${name}@12`);

const folder = folderOfSuite();
const write = (file: string, text: string): Promise<void> => writeFile(join(folder(), "project", file), text);
const node = (program: string, ...args: string[]): Promise<string> =>
  run(process.execPath, [program, ...args], { cwd: join(folder(), "project") });

beforeAll(async () => {
  const [library] = await packedPackages();
  const project = join(folder(), "project");
  await npmInstall(project, [library!.tarball, ...tools, ...nest, "reflect-metadata@0.2", "rxjs@7"]);
  const manifest = JSON.parse(await readFile(join(project, "package.json"), "utf8")) as object;
  await write("package.json", JSON.stringify({ ...manifest, type: "commonjs" }));
});

describe("TypeScript 5.9", () => {
  const rows = Array.from(page.matchAll(/^\| `(\w+)` +\| `(\w+)` +\| (\w+) +\| (\w+) +\|$/gm), ([, ...cells]) => cells);
  const program = 'import { memoryStore } from "once-again/stores/memory";\nmemoryStore();\n';

  /** The code of the error that a file has, or "yes". */
  const verdict = (printed: string, file: string): string =>
    new RegExp(`^${file}\\(.*?error (TS\\d+)`, "m").exec(printed)?.[1] ?? "yes";

  test("the page has a table", () => expect(rows).toHaveLength(6));

  test.each(rows)("module %s, moduleResolution %s: %s in CommonJS, %s in an ES module", async (...cells) => {
    const [module = "", moduleResolution = "", inCommonJs, inModule] = cells;
    await write("cjs.ts", program);
    await write("esm.mts", program);
    const settings = ["--module", module, "--moduleResolution", moduleResolution, "--target", "es2022"];
    const strict = ["--strict", "--noEmit", "--types", "node", "cjs.ts", "esm.mts"];
    const printed = await node("node_modules/typescript/bin/tsc", ...settings, ...strict).catch((error: Error) =>
      error.message.slice(error.message.indexOf("\n") + 1),
    );
    expect([verdict(printed, "cjs.ts"), verdict(printed, "esm.mts")]).toEqual([inCommonJs, inModule]);
  });
});

const nestSpec = `
import { Body, Controller, type INestApplication, Module, Post } from "@nestjs/common";
import { Test } from "@nestjs/testing";
import { Once, OnceModule, Operation } from "once-again/nest";
import type { NodeExecution } from "once-again/node";
import type { Store } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";

const STORE = Symbol("store");
let runs = 0;

@Controller("orders")
class Orders {
  @Post()
  @Once()
  create(@Body() order: unknown, @Operation() { key }: NodeExecution): unknown {
    runs += 1;
    return { order, key };
  }
}

@Module({ providers: [{ provide: STORE, useValue: "a store of production" }], exports: [STORE] })
class Keys {}

const once = OnceModule.forRootAsync({
  imports: [Keys],
  inject: [STORE],
  useFactory: (store: Store) => ({ store, scope: "public" }),
});

let app: INestApplication;

beforeAll(async () => {
  const testing = Test.createTestingModule({ imports: [once], controllers: [Orders] });
  const compiled = await testing.overrideProvider(STORE).useValue(memoryStore()).compile();
  app = compiled.createNestApplication({ rawBody: true });
  await app.listen(0, "127.0.0.1");
});

afterAll(() => app.close());

test("a repeat gets the first response, and makes no second order", async () => {
  const url = (await app.getUrl()) + "/orders";
  const headers = { "content-type": "application/json", "idempotency-key": "order-1" };
  const send = async () => {
    const response = await fetch(url, { method: "POST", headers, body: '{"item":"tea"}' });
    return [response.status, await response.json(), response.headers.get("idempotent-replayed")];
  };
  const result = { order: { item: "tea" }, key: "order-1" };
  expect(await send()).toEqual([201, result, null]);
  expect(await send()).toEqual([201, result, "true"]);
  expect(runs).toBe(1);
});
`;

describe("Jest, by ts-jest", () => {
  beforeAll(async () => {
    const compilerOptions = {
      target: "es2024",
      module: "nodenext",
      strict: true,
      skipLibCheck: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      types: ["node", "jest"],
    };
    await write("tsconfig.json", JSON.stringify({ compilerOptions }));
    await write("jest.config.json", JSON.stringify({ transform: { "\\.ts$": "ts-jest" } }));
    await write("orders.spec.ts", nestSpec);
    await write(
      "retry.spec.ts",
      `import { retry } from "once-again";
test("retries", async () => expect(await retry(async () => 3)).toBe(3));
`,
    );
  });

  const jest = "node_modules/jest/bin/jest.js";
  // The flag by argument: `run` empties NODE_OPTIONS.
  const withFlag = (spec: string): Promise<string> => node("--experimental-vm-modules", jest, "--runInBand", spec);

  test("with the flag, a test may import the library", async () => {
    await withFlag("retry.spec.ts");
  });

  test("with the flag, Nest's testing module runs OnceModule, with another store in place", async () => {
    await withFlag("orders.spec.ts");
  });

  test("without the flag, it fails with the message that the page has", async () => {
    const [message = ""] = /Must use import to load ES Module/.exec(page) ?? [];
    await expect(node(jest, "--runInBand", "retry.spec.ts")).rejects.toThrow(message || "the page has no message");
  });
});

test("Vitest needs nothing", async () => {
  await write(
    "vitest.spec.mjs",
    `import { expect, test } from ${JSON.stringify(vitest.replace("vitest.mjs", "dist/index.js"))};
import { retry } from "once-again";
test("retries", async () => expect(await retry(async () => 3)).toBe(3));
`,
  );
  await node(vitest, "run", "vitest.spec.mjs");
});
