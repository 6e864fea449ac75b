import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type Choices,
  combinations,
  type FrameworkName,
  frameworkOf,
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
import { serverPort } from "../support/servers/server-port.ts";
import { npmInstall } from "./consumer.ts";
import { packedPackages } from "./packed.ts";
import { run } from "../support/run.ts";

// Projects that `npm create once-again` makes: each is type-checked, tested and killed, by its own scripts. A sample has each
// framework, each store and each mode; ONCE_AGAIN_CREATED=all has every combination.

const root = fileURLToPath(new URL("../../", import.meta.url));
const create = join(root, "packages/create-once-again/bin/create-once-again.js");

/** Where the projects are: below the repository, so that they find the packages that it has installed. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(root, "dist"), { recursive: true });
  folder = await mkdtemp(join(root, "dist", "created-"));
  const [library] = await packedPackages();
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

/** Makes a project: its charges are rows of a file. @returns its folder. */
async function makeShop(name: string, framework: FrameworkName): Promise<string> {
  const flags = ["--framework", framework, "--store", "sqlite", "--mode", "transactional", "--json"];
  const cwd = join(folder, name);
  await run(process.execPath, ["--conditions=@once-again/source", create, cwd, ...flags], { cwd: folder });
  return cwd;
}

/** Starts the server of a project, which listens when this resolves. */
async function startShop(cwd: string, program: string) {
  const port = await serverPort();
  const server = spawn(process.execPath, [program], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: "", PORT: String(port) },
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(async () => {
    if (server.exitCode === null && server.signalCode === null && server.kill("SIGKILL")) await once(server, "exit");
  });
  await once(server.stdout, "data");
  const send = (init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}/charges`, {
      ...init,
      headers: { authorization: "Bearer secret", "content-type": "application/json", "idempotency-key": "k" },
    });
  return { server, send };
}

const onNode = keysOf(frameworks).filter((name) => name !== "next" && storesFor(name).includes("sqlite"));
const unbuilt = onNode.filter((name) => frameworks[name].start === "node server.ts");

test.for(unbuilt)("%s: a read that fails ends no server, and no charge that runs in it", async (framework) => {
  const cwd = await makeShop(`${framework}-broken`, framework);
  const { send } = await startShop(cwd, "server.ts");
  new DatabaseSync(join(cwd, "shop.db")).exec("ALTER TABLE charges RENAME TO lost");
  expect([(await send()).status, (await send()).status]).toEqual([500, 500]);
});

/** Makes and starts a project, and has a charge at work that goes on when the process is asked to end. */
async function startCharging(name: string, framework: FrameworkName) {
  const cwd = await makeShop(name, framework);
  const pay = await readFile(join(cwd, "pay.ts"), "utf8");
  expect(pay).toContain("return made;");
  const untilAsked = `console.log("charged");
  await new Promise((go) => process.once("SIGTERM", go));
  for (let turn = 0; turn < 200; turn += 1) await new Promise((go) => setImmediate(go));
  return made;`;
  await writeFile(join(cwd, "pay.ts"), pay.replace("return made;", untilAsked));
  const { build, start } = frameworkOf(framework);
  if (build !== undefined) await run("npm", ["run", "--silent", "build"], { cwd });
  const { server, send } = await startShop(cwd, start.replace("node ", ""));
  const leaving = new AbortController();
  const charging = send({ method: "POST", body: JSON.stringify({ amount: 420 }), signal: leaving.signal });
  charging.catch(() => undefined);
  await once(server.stdout, "data");
  const countDone = () =>
    new DatabaseSync(join(cwd, "shop.db")).prepare("SELECT count(*) AS done FROM once_again_keys").get();
  return { server, charging, leaving, countDone };
}

test.for(onNode)(
  "%s: at SIGTERM a charge that runs ends, its caller has the response, and the process ends",
  async (framework) => {
    const { server, charging, countDone } = await startCharging(`${framework}-deployed`, framework);
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    expect((await charging).status).toBe(201);
    expect(await ended).toEqual([0, null]);
    expect(countDone()).toEqual({ done: 1 });
  },
);

test.for(onNode)("%s: at SIGTERM a charge that runs ends, also when its caller has left", async (framework) => {
  const { server, leaving, countDone } = await startCharging(`${framework}-left`, framework);
  const ended = once(server, "exit");
  leaving.abort();
  server.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(countDone()).toEqual({ done: 1 });
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

  test("a new repository is empty, and its folder's name may be any", async () => {
    const name = "it's a $(shop)";
    await run("git", ["init", "--quiet", name], { cwd: folder });
    const flags = ["--framework", "node", "--store", "memory", "--mode", "leased", "--json"];
    const made = await run(process.execPath, ["--conditions=@once-again/source", create, name, ...flags], {
      cwd: folder,
    });
    const { next } = JSON.parse(made) as { next: string[] };
    const shown = await run("sh", ["-c", `${next[0]} && cat package.json`], { cwd: folder });
    expect(JSON.parse(shown)).toMatchObject({ name: "it-s-a-shop-" });
  });

  test("help has an example, and the example is one that works", async () => {
    const help = await run(process.execPath, ["--conditions=@once-again/source", create, "--help"], { cwd: folder });
    const [, args = ""] = /\$ npm create once-again (.+)$/m.exec(help) ?? [];
    expect(await failing(...args.split(" ").filter((word) => word !== "--"))).toEqual([0, ""]);
  });
});
