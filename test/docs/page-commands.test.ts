import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { type PageCommand, pageCommands, readCommand } from "./page-commands.ts";

// Every command that a page or a help text names is one that there is, with options that it has.

const commands: PageCommand[] = [];
const helpTexts = new Map<string, string>();
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

/** Reads the `--help` of a command of `once-again`; its examples are commands, too. */
async function readHelp(path: readonly string[]): Promise<void> {
  const { stdout } = await runCli([...path, "--help"]);
  const name = path.join(" ");
  helpTexts.set(name, stdout);
  const lines = stdout.replaceAll(/\\\n\s*/g, "").split("\n");
  const examples = lines.filter((line) => line.trimStart().startsWith("$ ")).map(readCommand);
  for (const example of examples) if (example !== undefined) commands.push({ page: `${name} --help`, ...example });
  await Promise.all(subcommands(stdout).map((subcommand) => readHelp([...path, subcommand])));
}

/** The commands that a help text lists. */
function subcommands(help: string): string[] {
  const [, list = ""] = help.split("\nCommands:\n");
  return Array.from(list.matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name!).filter((name) => name !== "help");
}

const optionsOf = (help: string): Set<string> => new Set(help.match(/(?<![\w-])--?[a-zA-Z][a-z-]*/g));

/** Options among the words, without their values. */
const usedOptions = (words: readonly string[]): string[] =>
  words.filter((word) => /^--?[a-zA-Z]/.test(word)).map((word) => word.replace(/=.*/s, ""));

beforeAll(async () => {
  await readHelp([]);
  for await (const page of glob(["*.md", "docs/**/*.md", "packages/*/README.md"])) {
    // The scripts of guides/create.md are those of a created project; beginnings.test.ts runs them.
    const isOurs = !/^docs[\\/]api[\\/]|^CHANGELOG|guides[\\/]create\.md$/.test(page);
    if (isOurs) commands.push(...pageCommands(page, readFileSync(page, "utf8")));
  }
});

describe("once-again", () => {
  const ours = () => commands.filter(({ program }) => program === "once-again");

  /** The help text of each command that the words name: `keys resolve|release` names two. */
  function helpOf(words: readonly string[]): (string | undefined)[] {
    const [first = "", second = ""] = words.filter((word) => !word.startsWith("-"));
    const help = helpTexts.get(first) ?? "";
    const known = subcommands(help);
    // One that takes an argument, as `verify URL` does, need name no subcommand.
    const isAlone = known.length === 0 || (help.includes("\nArguments:\n") && !known.includes(second));
    const names = isAlone ? "" : second;
    if (first === "") return [helpTexts.get("")];
    return names.split("|").map((name) => helpTexts.get(name === "" ? first : `${first} ${name}`));
  }

  test("pages and help texts name commands that there are", () => {
    expect(ours().length).toBeGreaterThan(30);
    const unknown = ours().filter(({ words }) => helpOf(words).includes(undefined));
    expect(unknown.map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
  });

  test("they have the options that are named with them", () => {
    const wrong = ours().flatMap(({ page, text, words }) => {
      const missing = usedOptions(words).filter((option) =>
        helpOf(words).some((help) => !optionsOf(help ?? "").has(option)),
      );
      return missing.map((option) => `${page}: ${text}: ${option}`);
    });
    expect(wrong).toEqual([]);
  });
});

test("npx runs them in a checkout", async () => {
  const { stdout } = await promisify(execFile)("npx", ["--no-install", "@once-again/tools", "--help"]);
  expect(subcommands(stdout)).toEqual(subcommands(helpTexts.get("")!));
  const gateway = await promisify(execFile)("npx", ["--no-install", "@once-again/gateway", "--help"]);
  expect(optionsOf(gateway.stdout)).toEqual(new Set(["-V", "--version", ...optionsOf(helpTexts.get("gateway")!)]));
});

describe("npm", () => {
  const ours = () => commands.filter(({ program }) => program === "npm");

  test("pages name scripts that there are, and programs to run by them that there are", () => {
    const unknown = ours().filter(({ words: [script = "", file = ""] }) => {
      return scripts[script] === undefined || (script === "example" && !existsSync(file));
    });
    expect(ours().length).toBeGreaterThan(20);
    expect(unknown.map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
  });

  test("scripts have the options that are named with them", async () => {
    const withOptions = Map.groupBy(
      ours().filter(({ words }) => words.includes("--") && /^node \S+\.ts$/.test(scripts[words[0]!] ?? "")),
      ({ words: [script] }) => script!,
    );
    const wrong: string[] = [];
    for (const [script, uses] of withOptions) {
      const [, program] = scripts[script]!.split(" ");
      const { stdout } = await promisify(execFile)(process.execPath, [program!, "--help"]);
      for (const { page, text, words } of uses) {
        const missing = usedOptions(words.slice(words.indexOf("--") + 1)).filter((one) => !optionsOf(stdout).has(one));
        wrong.push(...missing.map((option) => `${page}: ${text}: ${option}`));
      }
    }
    expect(withOptions.size).toBeGreaterThan(5);
    expect(wrong).toEqual([]);
  });
});

test.each([
  ["npx @once-again/tools lab --seed 7  # the lab", "once-again", ["lab", "--seed", "7"]],
  ["npx @once-again/gateway --check", "once-again", ["gateway", "--check"]],
  ["$ ONCE_AGAIN_STORE=sqlite:keys.db once-again keys list | head", "once-again", ["keys", "list"]],
  ['once-again verify http://x --header "a: b c"', "once-again", ["verify", "http://x", "--header", '"a: b c"']],
  ["npm run crash -- --seconds 60", "npm", ["crash", "--", "--seconds", "60"]],
  ["npm start", "npm", ["start"]],
])("reads %s", (line, program, words) => {
  expect(readCommand(line)).toMatchObject({ program, words });
});
