import { mkdir, readdir, symlink } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { packAll, packedPackages } from "../package/packed.ts";
import { run } from "../support/run.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { serverPort } from "../support/servers/server-port.ts";
import { folderOfSuite, temporaryFolder } from "../support/temporary-folder.ts";
import { pageSteps, Reader } from "./reader.ts";

// The pages on which people begin, done as they stand there, from an empty folder, with the packed packages.

const folder = folderOfSuite();
const ours: Record<string, string> = {};

beforeAll(async () => {
  for (const { name, tarball } of await packedPackages()) {
    const place = join(folder(), "installed", "node_modules", name);
    await mkdir(place, { recursive: true });
    await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", place], { cwd: dirname(place) });
    ours[name] = place;
  }
  // The dependencies of our packages, beside them.
  const modules = join(process.cwd(), "node_modules");
  for (const name of await readdir(modules)) {
    const place = join(folder(), "installed", "node_modules", name);
    if (!existsSync(place)) await symlink(join(modules, name), place);
  }
});

/**
 * Does a page.
 *
 * @param npm stands in the page's commands for `npm install once-again`: then npm itself installs. Missing: packages of this machine.
 * @returns what was printed, and what the page says of it.
 */
async function follow(page: string, environment: NodeJS.ProcessEnv = {}, npm?: string) {
  const own = npm === undefined ? ours : undefined;
  const reader = await Reader.in(temporaryFolder(), own, await serverPort(), environment);
  onTestFinished(() => reader.stop());
  const printed: string[] = [];
  const promised: string[] = [];
  // The lab takes ten seconds, and has its own tests.
  const isLab = (command: string) => command.includes("tools lab");
  const install = "npm install once-again";
  const text = readFileSync(page, "utf8");
  for (const step of pageSteps(npm === undefined ? text : text.replaceAll(install, npm))) {
    if (step.kind === "run" && isLab(step.command)) continue;
    const said = await reader.do(step);
    if (step.kind !== "see") continue;
    printed.push(`$ ${step.command}\n${said.trimEnd()}`);
    promised.push(`$ ${step.command}\n${step.printed}`);
  }
  return { printed, promised };
}

test("README: a server, a request, its repeat, and another one", async () => {
  const { printed, promised } = await follow("README.md");
  expect(printed).toEqual(promised);
  expect(promised).toHaveLength(3);
});

test("README: the same where npm installs what npm run pack made, by the line that it prints", async () => {
  const { install } = await packAll();
  const { printed, promised } = await follow("README.md", { npm_config_prefer_offline: "true" }, install.library);
  expect(printed).toEqual(promised);
});

test("npm create once-again: a project, its test, and its kill", async () => {
  const { promised } = await follow("docs/guides/create.md");
  expect(promised).toEqual([]);
});

describeWithServer("Express + PostgreSQL", postgresBinary, () => {
  test("charges once, is killed twice", async () => {
    await using postgres = await startPostgres();
    const { hostname, port, username } = new URL(postgres.url);
    const environment = { PGHOST: hostname, PGPORT: port, PGUSER: username };
    const { printed, promised } = await follow("docs/guides/express-postgres.md", environment);
    expect(printed).toEqual(promised);
    expect(promised).toHaveLength(4);
  });
});
