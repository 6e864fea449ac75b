import { globSync, readFileSync } from "node:fs";
import process from "node:process";
import { beforeAll, expect, test } from "vitest";
import { run } from "../support/run.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";
import { packAll, type PackedAll } from "./packed.ts";

// The pages install from npm. Here npm installs the tarballs of `npm run pack`, by the line that it prints: they have all
// that a page asks npm for.

/** A command of npm that takes one of our packages. */
interface PackageCommand {
  readonly page: string;
  readonly verb: "install" | "create" | "npx";
  /** The words behind the verb: of an installation, our packages alone. */
  readonly words: readonly string[];
}

const pages = globSync(["*.md", "docs/**/*.md", "packages/*/README.md"])
  .filter((page) => !/^docs[\\/](api|decisions)[\\/]/.test(page))
  .map((page) => ({ page, text: readFileSync(page, "utf8") }));

/** Our packages, and the programs that they bring. */
const isOurs = (word: string): boolean => /^(@once-again\/[a-z]+|(create-)?once-again(-gateway)?)$/.test(word);

const commands: readonly PackageCommand[] = pages.flatMap(({ page, text }) =>
  // To the end of the line, of the code or of the command, without a comment.
  Array.from(text.matchAll(/\b(?:npm (install|create)|(npx)) ([^\n`#|>&<]+)/g)).flatMap(
    ([, verb = "npx", , rest = ""]): PackageCommand[] => {
      const words = rest.replace(/\\$/, "").trim().split(/\s+/);
      if (verb === "create") return words[0] === "once-again" ? [{ page, verb, words }] : [];
      if (verb === "npx") return isOurs(words[0]!) ? [{ page, verb, words }] : [];
      const ours = words.filter(isOurs);
      return ours.length === 0 ? [] : [{ page, verb: "install", words: ours }];
    },
  ),
);

const of = (verb: PackageCommand["verb"]): PackageCommand[] => commands.filter((command) => command.verb === verb);

const folder = folderOfSuite();
let packed: PackedAll;

beforeAll(async () => {
  packed = await packAll();
  await run("npm", ["init", "-y"], { cwd: folder() });
  await run("sh", ["-c", packed.install.all], { cwd: folder(), env: preferOffline });
});

const preferOffline = { npm_config_prefer_offline: "true" };
const offline = { npm_config_offline: "true", npm_config_yes: "false" };

test("each package that a page installs is one that npm run pack makes", () => {
  const names = new Set(packed.packages.map(({ name }) => name));
  const unknown = of("install").flatMap(({ page, words }) =>
    words.filter((name) => !names.has(name)).map((name) => `${page}: ${name}`),
  );
  expect(of("install").length).toBeGreaterThan(15);
  expect(unknown).toEqual([]);
});

test("each command that a page runs by npx is there", async () => {
  const helps = of("npx").map(({ words }) => {
    const end = words.findIndex((word, index) => index > 0 && !/^[a-z]+$/.test(word));
    return words.slice(0, end < 0 ? words.length : end).join(" ");
  });
  const distinct = [...new Set(helps)];
  expect(distinct.length).toBeGreaterThan(15);
  for (const words of distinct) {
    const said = await run("npx", [...words.split(" "), "--help"], { cwd: folder(), env: offline });
    expect(said, words).toMatch(/^Usage: /);
  }
});

test("npm create once-again makes what a page says", async () => {
  const distinct = [...new Set(of("create").map(({ words }) => words.slice(1).join(" ")))];
  expect(distinct.length).toBeGreaterThan(2);
  for (const [index, words] of distinct.entries()) {
    const [, options] = words.split("-- ");
    // Without options it asks, on a terminal.
    const [args, answer] = options === undefined || options === "--help" ? ["--help", "Usage: "] : [options, "Made "];
    const line = `npm create once-again made-${index} -- ${args}`;
    expect(await run("sh", ["-c", line], { cwd: folder(), env: offline }), line).toContain(answer);
  }
});

test("a new project installs the library by the line for it, and its test passes", async () => {
  const options = "--framework node --store sqlite --mode transactional";
  const { library } = packed.install;
  const line = `npm create once-again made -- ${options} && cd made && ${library} && npm test`;
  expect(await run("sh", ["-c", line], { cwd: folder(), env: preferOffline })).toMatch(/pass 4\n[^]*fail 0\n/);
});

test("each entry of ours that a page's program imports is in a package", async () => {
  const imported = pages.flatMap(({ text }) => {
    const programs = Array.from(text.matchAll(/^```(?:ts|tsx|js|mjs)\n(.*?)^```/gms), ([, program = ""]) => program);
    return programs.flatMap((program) => Array.from(program.matchAll(/from "([^".][^"]*)"/g), ([, name = ""]) => name));
  });
  const ours = [...new Set(imported)].filter((name) => /^(once-again|@once-again)(\/|$)/.test(name));
  expect(ours.length).toBeGreaterThan(20);
  const program = `
    const lost = process.argv.slice(1).filter((name) => { try { import.meta.resolve(name); } catch { return true; } });
    console.log(JSON.stringify(lost));`;
  const said = await run(process.execPath, ["--input-type=module", "--eval", program, ...ours], { cwd: folder() });
  expect(JSON.parse(said)).toEqual([]);
});
