/**
 * Stands for npm and npx in the folder of a reader: `npm install` and `npm create` take packages from this machine, and `npx`
 * runs our tools. Everything else is npm's own.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";

const [command = "", verb = "", ...words] = process.argv.slice(2);
const ours = JSON.parse(process.env["READER_PACKAGES"]!) as Record<string, string>;
const modules = process.env["READER_MODULES"]!;

function link(name: string): void {
  const target = ours[name] ?? join(modules, name);
  if (!existsSync(target)) throw new Error(`${name} is not a package that this repository has.`);
  const place = join("node_modules", name);
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(target, place);
}

function ofProject(): string[] {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync("package.json", "utf8")) as {
    dependencies?: object;
    devDependencies?: object;
  };
  return Object.keys({ ...dependencies, ...devDependencies });
}

function run(program: string, ...args: string[]): void {
  const path = process.env["PATH"]!.split(":").slice(1).join(":");
  try {
    execFileSync(program, args, { stdio: "inherit", env: { ...process.env, PATH: path } });
  } catch (error) {
    process.exitCode = (error as { status?: number }).status ?? 1;
  }
}

if (command === "npx" && verb === "@once-again/tools") {
  run(process.execPath, join(ours[verb]!, "bin/once-again.js"), ...words);
} else if (command === "npm" && verb === "install") {
  const names = words.filter((word) => !word.startsWith("-"));
  for (const name of names.length > 0 ? names : ofProject()) link(name);
} else if (command === "npm" && verb === "create") {
  const [name = "", ...args] = words.filter((word) => word !== "--");
  run(process.execPath, join(ours[`create-${name}`]!, `bin/create-${name}.js`), ...args);
} else run(command, verb, ...words);
