import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Choices,
  combinations,
  frameworks,
  keysOf,
  modesOf,
  type StoreName,
  stores,
  storesFor,
} from "../../packages/create-once-again/src/choices.ts";
import { projectFiles } from "../../packages/create-once-again/src/project.ts";
import { versions } from "../../packages/create-once-again/src/versions.ts";
import { seededRandom } from "../../packages/once-again/src/core/random.ts";
import { keysSchema } from "../../packages/once-again/src/stores/sql/sqlite-keys.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { mariadbBinary, startMariadb } from "../support/servers/mariadb.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";
import { npmInstall } from "./consumer.ts";
import { packInto } from "./packed.ts";
import { run } from "./run.ts";

// Projects that `npm create once-again` makes: each is type-checked, tested and killed, by its own scripts. A sample has each
// framework, each store and each mode; ONCE_AGAIN_CREATED=all has every combination.

const root = fileURLToPath(new URL("../../", import.meta.url));
const create = join(root, "packages/create-once-again/bin/create-once-again.js");

const packed = folderOfSuite();

/** Where the projects are: below the repository, so that they find the packages that it has installed. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(root, "dist"), { recursive: true });
  folder = await mkdtemp(join(root, "dist", "created-"));
  const [library] = await packInto(packed(), ["once-again"]);
  const installed = join(folder, "node_modules", "once-again");
  // Next.js refuses to build without them.
  await npmInstall(folder, [`@types/react@${versions["@types/react"]}`]);
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", library!.tarball, "--strip-components=1", "-C", installed], { cwd: folder });
  return () => rm(folder, { recursive: true, force: true });
});

const drawn = process.env["ONCE_AGAIN_CREATED"] === "all" ? combinations() : drawSample();

/** As many combinations as there are frameworks, in which each framework, each store and each mode comes. */
function drawSample(): Choices[] {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  console.error(`created projects: SEED=${seed}`);
  const random = seededRandom(seed);
  const at = (length: number) => Math.floor(random() * length);
  const turn = at(100);
  // Every store comes, and so does `leased`. One of those that can be is transactional for sure.
  const transactional = storesFor("node").filter((store) => stores[store].isTransactional);
  const certain = transactional[at(transactional.length)];
  return keysOf(frameworks).map((framework, index) => {
    const names = storesFor(framework);
    const store = names[(index + turn) % names.length]!;
    const modes = modesOf(store);
    return { framework, store, mode: store === certain ? "transactional" : modes[at(modes.length)]! };
  });
}

interface StoreServer {
  readonly binary: Parameters<typeof describeWithServer>[1];
  readonly variable: string;
  start(): Promise<PrivateServer>;
}

const servers: Readonly<Partial<Record<StoreName, StoreServer>>> = {
  postgres: { binary: postgresBinary, variable: "DATABASE_URL", start: () => startPostgres() },
  mariadb: { binary: mariadbBinary, variable: "DATABASE_URL", start: () => startMariadb() },
  redis: { binary: redisBinary, variable: "REDIS_URL", start: () => startRedis() },
  nats: { binary: natsBinary, variable: "NATS_URL", start: () => startNats() },
};

function makeAndRun(choices: readonly Choices[], environment: () => Readonly<Record<string, string>>): void {
  test.for(choices)("$framework, $store, $mode", async ({ framework, store, mode }) => {
    const name = `${framework}-${store}-${mode}`;
    const cwd = join(folder, name);
    const flags = ["--framework", framework, "--store", store, "--mode", mode, "--json"];
    const conditions = ["--conditions=@once-again/source"];
    const made = await run(process.execPath, [...conditions, create, name, ...flags], { cwd: folder });
    const { files } = JSON.parse(made) as { files: string[] };
    expect(files.filter((file) => !existsSync(join(cwd, file)))).toEqual([]);
    if (framework === "worker-hono") await addLogger(join(cwd, "worker.ts"));

    const npm = (...args: string[]) =>
      run("npm", ["--loglevel=error", ...args], {
        cwd,
        env: { ...environment(), NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" },
      });
    await npm("run", "--silent", "types");
    expect(await npm("test", "--silent")).toMatch(/pass 4\n[^]*fail 0\n/);
    const killed = await npm("run", "--silent", "kill");
    expect(killed).toMatch(/killed, between the charge and its response\nthe repeat gets: 201 .*\ncharges: 1\n$/);
  });
}

/** Adds Hono's logger, as many do. It has an import with a computed name, which a bundle for Workers keeps. */
async function addLogger(file: string): Promise<void> {
  const app = "const app = new Hono();\n";
  const text = await readFile(file, "utf8");
  expect(text).toContain(app);
  await writeFile(file, `import { logger } from "hono/logger";\n${text.replace(app, `${app}app.use(logger());\n`)}`);
}

describe("created projects", () => {
  for (const [store, choices] of Map.groupBy(drawn, ({ store }) => store)) {
    const server = servers[store];
    if (server === undefined) makeAndRun(choices, () => ({}));
    else {
      describeWithServer(store, server.binary, () => {
        let running: PrivateServer;
        beforeAll(async () => {
          running = await server.start();
          return () => running[Symbol.asyncDispose]();
        });
        makeAndRun(choices, () => ({ [server.variable]: running.url }));
      });
    }
  }
});

describe("the command line", () => {
  const failing = async (...args: string[]): Promise<[number | undefined, string]> => {
    try {
      await run(process.execPath, ["--conditions=@once-again/source", create, ...args], { cwd: folder });
      return [0, ""];
    } catch (error) {
      const { message, cause } = error as Error;
      return [(cause as { code?: number }).code, message];
    }
  };

  test.for([
    [["x", "--framework", "express", "--store", "redis", "--mode", "transactional"], "--store sqlite|postgres|mariadb"],
    [["x", "--framework", "rails"], 'not "rails"'],
    [["x", "--framework", "worker", "--store", "redis"], "Use --store d1|durable-object"],
    [["x", "--framework", "express", "--store", "d1"], "Use --store memory|sqlite"],
    [["x", "--framework", "worker", "--store", "durable-object", "--mode", "transactional"], "or --mode leased"],
    [["x", "--store", "sqlite"], "give --framework, --mode"],
    [["x", "--colour"], "Unknown option"],
    [["x", "y"], "One folder"],
  ] as const)("%j: exit code 2, and what to do", async ([args, said]) => {
    const [code, message] = await failing(...args);
    expect(code).toBe(2);
    expect(message).toContain(said);
    expect(existsSync(join(folder, "x"))).toBe(false);
  });

  test("the migration of a Worker with D1 has the table of this version", () => {
    const files = projectFiles("shop", { framework: "worker", store: "d1", mode: "transactional" });
    expect(files.get("migrations/0002_once_again.sql")!.trim()).toBe(keysSchema.trim());
  });

  test("a folder that is not empty is left as it is: exit code 1", async () => {
    const [code, message] = await failing(
      "node_modules",
      "--framework",
      "node",
      "--store",
      "memory",
      "--mode",
      "leased",
    );
    expect(code).toBe(1);
    expect(message).toContain("is not empty");
  });

  test("help has an example, and the example is one that works", async () => {
    const help = await run(process.execPath, ["--conditions=@once-again/source", create, "--help"], { cwd: folder });
    const [, args = ""] = /\$ npm create once-again (.+)$/m.exec(help) ?? [];
    expect(await failing(...args.split(" ").filter((word) => word !== "--"))).toEqual([0, ""]);
  });
});
