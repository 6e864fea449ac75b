import { cp, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { modules } from "../../scripts/entries.ts";
import { errorCodes } from "../../packages/once-again/src/core/error-codes.ts";
import { orderServer } from "../runtimes/order-server.ts";
import { browser, bun, deno, workerd } from "../runtimes/runtimes.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { filesRead, loadedWith, type Resolution } from "./bundles.ts";
import { type Consumer, consumerOf, needs } from "./consumer.ts";
import { installNodes, nodeVersions, versionOf } from "./node-versions.ts";
import type { Packed } from "../support/built-packages.ts";
import { packedPackages } from "./packed.ts";
import { run } from "../support/run.ts";
import { complaints, plainStrict, resolutions } from "./types.ts";

// The package as users get it: built, packed, and installed into projects of their kinds.

const root = fileURLToPath(new URL("../../", import.meta.url));
const specifiers = modules.map(({ specifier }) => specifier);

interface Manifest {
  readonly bin?: unknown;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const folder = folderOfSuite();
let packed: readonly Packed[];
let library: Packed;
/** A project with all packages. */
let consumer: Consumer;

beforeAll(async () => {
  packed = await packedPackages();
  library = packed.find(({ name }) => name === "once-again")!;
  consumer = await consumerWith(packed, "consumer");
  await consumer.lend(Object.values(needs).flat());
});

/** A project that has installed some of the packages. */
function consumerWith(some: readonly Packed[], name: string): Promise<Consumer> {
  return consumerOf(
    some.map(({ tarball }) => tarball),
    join(folder(), name),
  );
}

describe("the packages", () => {
  const read = (path: string) => readFile(join(consumer.folder, "node_modules", path), "utf8");
  const manifestOf = async (name: string) => JSON.parse(await read(`${name}/package.json`)) as Manifest;

  test("the library has the pages that its errors and reports link to", () => {
    const pages = Object.keys(errorCodes).map((code) => `docs/errors/${code}.md`);
    const needed = ["CHANGELOG.md", "LICENSE", "docs/guides/verifying.md", ...pages];
    expect(needed.filter((file) => !library.files.includes(file))).toEqual([]);
  });

  test("a link between its pages leads to one that it has, any other to the repository", async () => {
    const pages = library.files.filter((file) => file.endsWith(".md"));
    const dead = pages.map(async (page) => {
      const text = await read(`once-again/${page}`);
      const links = Array.from(text.matchAll(/\]\((?!https?:|#)([^)\s#]+)/g), ([, link = ""]) => link);
      const files = links.map((link) => posix.join(posix.dirname(page), link));
      return files.filter((file) => !library.files.includes(file));
    });
    expect(pages).toContain("README.md");
    expect((await Promise.all(dead)).flat()).toEqual([]);
  });

  test("nothing in them is of no use to users, and nothing runs when they are installed", async () => {
    for (const { name, files } of packed) {
      const own = files.filter((file) => !file.startsWith("templates/"));
      expect(own.filter((file) => /\.test\.|^(test|src)\/|\.tsbuildinfo$/.test(file))).toEqual([]);
      const { scripts } = await manifestOf(name);
      expect(Object.keys(scripts).filter((script) => /^(pre|post)?install$|^prepare$/.test(script))).toEqual([]);
    }
  });

  test("the library is small: no command, one dependency, 3 MB at most", async () => {
    const { bin, dependencies } = await manifestOf("once-again");
    expect([bin, Object.keys(dependencies)]).toEqual([undefined, ["structured-headers"]]);
    expect(library.unpackedBytes).toBeLessThan(3_000_000);
  });
});

describe("Node loads bundles, and bundlers read modules", () => {
  const ofLibrary = specifiers.filter((specifier) => /^once-again(\/|$)/.test(specifier));
  const isBundle = (file: string): boolean => file.startsWith("dist/node/");
  const forNode: Resolution = { platform: "neutral", conditions: ["node"] };

  test("one process that imports all packages reads no file of the library but bundles, each once", async () => {
    const program = await consumer.program("loaded", "esm");
    const urls = JSON.parse(
      await run(process.execPath, [program, ...specifiers], { cwd: consumer.folder }),
    ) as string[];
    const files = urls.flatMap((url) => url.split("/node_modules/once-again/")[1] ?? []);
    expect(files.length).toBeGreaterThan(ofLibrary.length);
    expect(files.filter((file) => !isBundle(file))).toEqual([]);
    expect(files.toSorted()).toEqual([...new Set(files)].sort());
  });

  test("an entry loads at most six files, and none loads another in a circle", async () => {
    const files = await filesRead(consumer, ofLibrary, forNode);
    expect([...files.keys()].filter((file) => !isBundle(file))).toEqual([]);
    const many = [...files.keys()].filter((file) => loadedWith(files, file).size > 6);
    expect(many).toEqual([]);
    const circles = [...files].filter(([file, imports]) => imports.some((one) => loadedWith(files, one).has(file)));
    expect(circles).toEqual([]);
  });

  const asWebpack = ["webpack", "import", "module"];
  test.each<[tool: string, reads: "bundles" | "modules", how: Resolution]>([
    ["Node, Jest, and Vite and Next.js, which leave packages to Node", "bundles", forNode],
    ["Deno", "bundles", { platform: "neutral", conditions: ["deno", "node"] }],
    ["Bun", "bundles", { platform: "neutral", conditions: ["bun", "node"] }],
    ["esbuild for Lambda", "modules", { platform: "node" }],
    ["esbuild for a browser", "modules", { platform: "browser" }],
    ["webpack and Vite for Node", "modules", { platform: "neutral", conditions: [...asWebpack, "node"] }],
    ["webpack and Vite for a browser", "modules", { platform: "neutral", conditions: [...asWebpack, "browser"] }],
    ["Next.js at the edge", "modules", { platform: "neutral", conditions: [...asWebpack, "edge-light"] }],
    ["wrangler", "modules", { platform: "browser", conditions: ["workerd", "worker", "browser"] }],
    ["Metro", "modules", { platform: "neutral", conditions: ["react-native"] }],
  ])("%s: all %s, never both", async (_tool, reads, how) => {
    const files = [...(await filesRead(consumer, ofLibrary, how)).keys()];
    expect(files.length).toBeGreaterThan(ofLibrary.length);
    expect(files.filter((file) => isBundle(file) !== (reads === "bundles"))).toEqual([]);
  });

  test("a stack trace names our functions, and a line that can be read", async () => {
    const program = 'import { onceExpress } from "once-again/express"; onceExpress({});';
    const failed = run(process.execPath, ["--input-type=module", "--eval", program], { cwd: consumer.folder });
    const trace = await failed.catch((error: Error) => error.message);
    expect(trace).toMatch(/\n {4}at onceExpress \(file:.*\/dist\/node\/frameworks\/express\.js:\d+:\d+\)\n/);
    expect(trace.split("\n").filter((line) => line.length > 400)).toEqual([]);
  });
});

describe("on every release of Node", () => {
  let nodes: ReadonlyMap<number, string>;
  beforeAll(async () => void (nodes = await installNodes(join(folder(), "nodes"))));

  const onNode = (major: number, ...args: string[]) =>
    run(nodes.get(major)!, args, { cwd: consumer.folder, env: { NO_COLOR: "1" } });
  const cli = (major: number, ...args: string[]) =>
    onNode(major, "node_modules/@once-again/tools/bin/once-again.js", ...args);

  describe.each(nodeVersions)("%i", (major) => {
    test("is that release", () => expect(versionOf(nodes.get(major)!)).toMatch(new RegExp(`^v${major}\\.`)));

    test("import and require give each subpath the names of its source", async () => {
      const expected: Record<string, unknown> = {};
      for (const { specifier, source } of modules) {
        const names = Object.keys((await import(pathToFileURL(join(root, source)).href)) as object).sort();
        expected[specifier] = { imported: names, required: names };
      }
      expect(JSON.parse(await onNode(major, await consumer.program("names", "esm")))).toEqual(expected);
    });

    test.each(["esm", "cjs"] as const)("retries, keys, intents and transactions work (%s)", async (form) => {
      const database = join(consumer.folder, `keys-${major}-${form}.db`);
      expect(JSON.parse(await onNode(major, await consumer.program("uses", form), database))).toEqual({
        retried: 3,
        layered: 3,
        key: "key",
        called: [201, "order 1", "true"],
        intended: ["done", "order 2"],
        effects: 2,
        transaction: [{ rows: 1 }, { rows: 1 }],
      });
      const listed = await cli(major, "keys", "list", "--store", `sqlite:${database}`, "--json");
      expect(JSON.parse(listed)).toMatchObject({ keys: [{ scope: "public", key: "order-1", state: "done" }] });
    });

    test("each command says how it is used", async () => {
      const help = await cli(major, "--help");
      const [, list = ""] = help.split("Commands:\n");
      const commands = Array.from(list.matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name!).filter(
        (name) => name !== "help",
      );
      expect(commands).toEqual(expect.arrayContaining(["keys", "lab", "verify"]));
      for (const command of commands) expect(await cli(major, command, "--help")).toMatch(/^Usage: once-again /);
    });

    test("the exercises come along, and are graded", async () => {
      const { exercises } = JSON.parse(await cli(major, "learn", "--json")) as { exercises: { name: string }[] };
      expect(exercises.length).toBeGreaterThan(12);
      const wait = "export const waitBeforeRetry = (retry, random) => Math.min(2000 * 2 ** retry, 30_000) * random();";
      const graded = await cli(major, "learn", "10", "--json", "--file", await consumer.write("mine.mjs", wait));
      expect(JSON.parse(graded)).toMatchObject({ passed: true });
    });

    test("the lab runs, and the conformance cases are planned", async () => {
      expect(await cli(major, "--version")).toBe(`${library.version}\n`);
      const orders = (await readFile(join(root, "packages/tools/orders.ndjson"), "utf8"))
        .split("\n")
        .slice(0, 20)
        .join("\n");
      const lab = await cli(major, "lab", "--json", "--orders", await consumer.write("orders.ndjson", orders));
      expect(JSON.parse(lab)).toMatchObject({ safe: { orders: 20, duplicates: 0, lost: 0 } });
      expect(await cli(major, "verify", "http://127.0.0.1:9/orders", "--dry-run")).toContain("POST");
    });
  });

  test.each([
    ["once-again", /^Usage: once-again \[options\] \[command\]/],
    ["once-again-gateway", /^Usage: once-again-gateway \[options\]/],
  ])("npx finds %s", async (command, usage) => {
    const help = await run("npx", ["--no-install", command, "--help"], { cwd: consumer.folder });
    expect(help).toMatch(usage);
  });
});

describe("each package, installed with those that it depends on", () => {
  const needed: Readonly<Record<string, readonly string[]>> = {
    "once-again": [],
    "@once-again/testing": ["once-again"],
    "@once-again/gateway": ["once-again"],
    "@once-again/tools": ["once-again", "@once-again/testing"],
    "create-once-again": [],
  };
  const installed = async (name: string): Promise<{ own: Consumer; modules: string[] }> => {
    const names = [name, ...needed[name]!];
    const own = await consumerWith(
      packed.filter((one) => names.includes(one.name)),
      `only-${name.replaceAll("/", "-")}`,
    );
    return { own, modules: await readdir(join(own.folder, "node_modules")) };
  };

  test("these are all packages", () => {
    expect(Object.keys(needed).sort()).toEqual(packed.map(({ name }) => name).sort());
  });

  test("once-again and @once-again/testing bring one dependency", async () => {
    for (const name of ["once-again", "@once-again/testing"]) {
      const { own, modules } = await installed(name);
      const theirs = modules.filter((module) => !/^\.|once-again/.test(module));
      expect(theirs.sort()).toEqual(["structured-headers"]);
      const program = await own.write("import.mjs", `console.log(typeof await import("${name}"));\n`);
      expect(await run(process.execPath, [program], { cwd: own.folder })).toBe("object\n");
    }
  });

  test("@once-again/gateway runs by npx, without the parts of the lab and the console", async () => {
    const { own, modules } = await installed("@once-again/gateway");
    expect(modules).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(sirv|cli-progress)$/)]));
    const npx = (...args: string[]) =>
      run("npx", ["--no-install", "@once-again/gateway", ...args], { cwd: own.folder, env: { NO_COLOR: "1" } });
    const least = ["--upstream", "http://127.0.0.1:9", "--store", "sqlite:keys.db", "--scope", "header:x-account"];
    expect(await npx(...least, "--check")).toMatch(/^The configuration is fine\.\nupstream {2}http:/);
  });

  test("@once-again/tools runs by npx, and says how to get the gateway", async () => {
    const { own, modules } = await installed("@once-again/tools");
    expect(modules).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(undici|yaml|jose|zod|prom-client)$/)]),
    );
    const npx = (...args: string[]) => run("npx", ["--no-install", "@once-again/tools", ...args], { cwd: own.folder });
    expect(await npx("learn", "--json")).toContain('"01-post-and-put"');
    expect(await npx("monitoring", "alerts")).toContain("alert: OnceAgainKeyHeld\n");
    expect(JSON.parse(await npx("monitoring", "dashboard"))).toMatchObject({ uid: "once-again" });
    await expect(npx("gateway", "--config", "gateway.yaml")).rejects.toThrow(
      /error: The gateway is a package by itself: npm install @once-again\/gateway, or start it by npx @once-again\/gateway\n$/,
    );
  });
});

describe("the types", () => {
  const imported = specifiers.map((name, at) => `import * as room${at} from "${name}";\nvoid room${at};\n`).join("");
  const required = specifiers.map((name, at) => `import room${at} = require("${name}");\nvoid room${at};\n`).join("");
  let typed: Consumer;
  beforeAll(async () => {
    typed = await consumerWith(packed, "typed");
    const { devDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
      devDependencies: Record<string, string>;
    };
    await typed.lend(Object.keys(devDependencies));
    await cp(fileURLToPath(new URL("programs/clients.ts", import.meta.url)), join(typed.folder, "clients.ts"));
    for (const place of ["guides", "frameworks"]) {
      const files = (await readdir(join(root, "examples", place))).filter((file) => file.endsWith(".ts"));
      for (const file of files) await cp(join(root, "examples", place, file), join(typed.folder, place, file));
    }
  });

  // Errors in the declarations of other packages are theirs to mend.
  const theirs = { types: ["node"], skipLibCheck: true, allowImportingTsExtensions: true };

  test.each(["nodenext", "bundler"] as const)(
    "%s: users' own clients fit, and the guides' programs compile",
    async (name) => {
      const programs = await readdir(typed.folder, { recursive: true });
      const files = programs.filter((file) => /^(clients|guides\/.*|frameworks\/.*)\.ts$/.test(file));
      expect(files.length).toBeGreaterThan(20);
      expect(await complaints(typed, files, { ...resolutions[name], ...theirs })).toBe("");
    },
  );

  test("every subpath can be imported by a module, and required by CommonJS", async () => {
    await typed.write("every.mts", imported);
    await typed.write("every.cts", required);
    expect(await complaints(typed, ["every.mts", "every.cts"], { ...resolutions.nodenext, types: ["node"] })).toBe("");
    expect(await complaints(typed, ["every.mts"], { ...resolutions.bundler, types: ["node"] })).toBe("");
  });

  describe("for every TypeScript and every Node that people have", () => {
    const compilers = ["5.9", "6", "7"];
    const nodes = ["22", "24", "26"];
    let plain: Consumer;
    beforeAll(async () => {
      const aliases = [
        ...compilers.map((version) => `typescript-${version}@npm:typescript@${version}`),
        ...nodes.map((version) => `types-${version}@npm:@types/node@${version}`),
      ];
      const installed = [...packed.map(({ tarball }) => tarball), ...aliases];
      plain = await consumerOf(installed, join(folder(), "plain"));
      await plain.lend(["@nestjs/common", "@connectrpc/connect", "@bufbuild/protobuf", "undici"]);
      await plain.write("every.mts", imported);
      await plain.write("every.cts", required);
    });

    const compile = async (compiler: string, node: string, files: readonly string[], options: object) => {
      const modules = join(plain.folder, "node_modules");
      await mkdir(join(modules, "@types"), { recursive: true });
      await rm(join(modules, "@types/node"), { recursive: true, force: true });
      await symlink(join(modules, `types-${node}`), join(modules, "@types/node"));
      const path = join(modules, `typescript-${compiler}/bin/tsc`);
      return complaints(plain, files, { ...plainStrict, types: ["node"], ...options }, path);
    };

    describe.each(compilers)("TypeScript %s", (compiler) => {
      test.each(nodes)("module nodenext, ES modules and CommonJS, the types of Node %s", async (node) => {
        expect(await compile(compiler, node, ["every.mts", "every.cts"], resolutions.nodenext)).toBe("");
      });

      // The setting decides how a subpath is found, not what its declarations mean: the newest and the oldest types do.
      test.each([
        ["bundler", "26"],
        ["node16", "22"],
      ] as const)("%s, the types of Node %s", async (name, node) => {
        expect(await compile(compiler, node, ["every.mts"], resolutions[name])).toBe("");
      });
    });
  });

  test("what calls needs no types but the browser's own", async () => {
    const rooms = ["", "/client", "/intents", "/key", "/delivery", "/layers", "/budgets"];
    const imports = rooms.map(
      (room, index) => `import * as room${index} from "once-again${room}";\nvoid room${index};\n`,
    );
    await consumer.write("web.ts", imports.join(""));
    const options = { ...resolutions.bundler, types: [], lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"] };
    expect(await complaints(consumer, ["web.ts"], options)).toBe("");
  });
});

describeWithCertificates("in other runtimes, from the installed package", (certificates) => {
  beforeAll(async () => {
    await cp(join(root, "test/runtimes/main.ts"), join(consumer.folder, "main.ts"));
    await cp(fileURLToPath(new URL("programs/program.ts", import.meta.url)), join(consumer.folder, "program.ts"));
  });

  for (const [name, runtime] of Object.entries({ Deno: deno, Bun: bun, workerd, Chromium: browser })) {
    describeWithServer(name, runtime.binary, () => {
      test("each order is executed once, over a network that loses most", async () => {
        await using server = await orderServer();
        const orders = Array.from({ length: 10 }, (_, index) => `order ${index}`);
        const task = { probes: [], ordersUrl: server.url, orders };
        const { answers } = await runtime.perform(task, certificates(), consumer.folder);
        expect(answers).toEqual(orders.map((order) => `made ${order}`));
        expect(server.effects).toEqual(orders);
      });
    });
  }
});
