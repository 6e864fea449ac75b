import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline/promises";
import { askChoices } from "./ask.ts";
import { completeChoices, help, readCommandLine, UsageError } from "./command-line.ts";
import { type Choices, storeOf } from "./choices.ts";
import { projectFiles } from "./project.ts";

/** The project could not be written: exit code 1. */
class WriteError extends Error {}

async function run(args: readonly string[]): Promise<void> {
  const line = readCommandLine(args);
  if (line.help) return print(help);
  if (line.version) return print(`${ownVersion()}\n`);
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY && !line.json;
  const { folder, choices } = isTerminal
    ? await askForRest(line)
    : { folder: line.folder ?? defaultFolder, choices: completeChoices(line.choices) };
  const files = writeProject(resolve(folder), choices);
  const commands = [`cd ${quoted(folder)}`, "npm install", "npm test", "npm run kill"];
  if (line.json) return print(`${JSON.stringify({ folder, ...choices, files, next: commands }, undefined, 2)}\n`);
  const { variable, title } = storeOf(choices.store);
  const place = variable === undefined ? "" : `\nSet ${variable} first: where ${title} is.\n`;
  print(`Made ${folder}: ${files.length} files.\n${place}\n${commands.map((command) => `  ${command}\n`).join("")}`);
}

const defaultFolder = "once-again-app";

async function askForRest({ folder, choices }: ReturnType<typeof readCommandLine>) {
  const isComplete = Object.values(choices).every((choice) => choice !== undefined);
  if (isComplete) return { folder: folder ?? defaultFolder, choices: completeChoices(choices) };
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const line = folder ?? (await terminal.question(`Folder (${defaultFolder}): `)).trim();
    return { folder: line === "" ? defaultFolder : line, choices: await askChoices(terminal, choices) };
  } finally {
    terminal.close();
  }
}

/** Writes a project into a new or empty folder. @returns the paths of its files. */
function writeProject(folder: string, choices: Choices): string[] {
  // A new repository is empty too.
  if (existsSync(folder) && readdirSync(folder).some((name) => name !== ".git")) {
    throw new WriteError(`${folder} is not empty. Nothing was written: name a new folder.`);
  }
  const files = projectFiles(packageName(folder), choices);
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return [...files.keys()];
}

/** A path as a shell takes it for one word. */
function quoted(path: string): string {
  if (/^[\p{L}\p{N}_./\\:-]+$/u.test(path)) return path;
  return process.platform === "win32" ? `"${path}"` : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

/** A name that npm takes. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[._-]+/g, "");
  return name === "" ? defaultFolder : name;
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}

function print(text: string): void {
  process.stdout.write(text);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  if (isUsage) console.error("See --help.");
  process.exitCode = isUsage ? 2 : 1;
}
