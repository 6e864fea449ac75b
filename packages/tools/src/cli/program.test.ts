import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Help } from "commander";
import { expect, test } from "vitest";
import { cliProgram, runCli } from "../../../../test/support/cli.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { commands } from "./commands.ts";
import { makeProgram } from "./program.ts";

test("the help has each command as its own code has it", async () => {
  const loaded = await Promise.all(commands.map(({ load }) => load()));
  expect(commands.map(({ name, usage }) => `${name} ${usage}`.trim())).toEqual(
    loaded.map((command) => new Help().subcommandTerm(command)),
  );
  const [help, withKeys] = await Promise.all([makeProgram([]), makeProgram(["help", "keys"])]);
  expect(help.helpInformation()).toBe(withKeys.helpInformation());
});

/** The sources of this repository that a command line loads. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const folder = temporaryFolder();
  expect(await runCli(args, { NODE_V8_COVERAGE: folder })).toMatchObject({ code: 0 });
  const scripts = readdirSync(folder).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(folder, file), "utf8")) as { result: { url: string }[] };
    return result.map(({ url }) => url);
  });
  return scripts.flatMap((url) => /\/packages\/(\w[\w-]*\/src\/.*)$/.exec(url)?.[1] ?? []);
}

test("--help and --version load no command", async () => {
  for (const flag of ["--help", "--version"]) {
    const isOwn = (file: string): boolean =>
      !/^once-again\/src\/(command\/|core\/platform\.ts$|stores\/(kits|opening|\w+\/(kit|open))\.ts$)/.test(file);
    const own = (await loadedBy(flag)).filter(isOwn);
    expect(own.sort()).toEqual(["cli/commands.ts", "cli/main.ts", "cli/program.ts"].map((file) => `tools/src/${file}`));
  }
});

test.each([
  ["keys", /^(gateway|testing)\/|^tools\/src\/(lab|verify|simulator|console)\//],
  ["letters", /^(gateway|testing)\/|^tools\/src\/(lab|verify|simulator|console)\//],
  ["verify", /^(gateway|testing)\/|^tools\/src\/(lab|admin|simulator|console)\//],
  ["storm", /^(gateway|testing)\/|^tools\/src\/(lab|admin|verify|console\/(?!storms))\//],
  [
    "gateway",
    /^gateway\/src\/(?!index|cli\/|log-fields|scope\/scope-rule|split\/split-rules)|^testing\/|^tools\/src\/(lab|admin|verify|simulator|console)\//,
  ],
])("%s loads no code of other commands", async (command, others) => {
  const loaded = await loadedBy(command, "--help");
  expect(loaded.filter((file) => others.test(file))).toEqual([]);
});

test.skipIf(!existsSync("/dev/full"))("a full disk under the output is no bad result: exit code 2, in one line", () => {
  const { status, stderr } = spawnSync("sh", [
    "-c",
    '"$0" "$1" monitoring dashboard > /dev/full',
    process.execPath,
    cliProgram,
  ]);
  expect([status, String(stderr)]).toEqual([
    2,
    expect.stringMatching(/^error: the output can't be written: ENOSPC.*\n$/),
  ]);
});
