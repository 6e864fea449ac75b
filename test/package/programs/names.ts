import { createRequire } from "node:module";

// Prints what every subpath of the installed package exports, by import and by require.

const require = createRequire(`${process.cwd()}/`);
const { exports } = require("once-again/package.json") as { exports: Record<string, unknown> };

async function namesOf(subpath: string): Promise<readonly [string, unknown]> {
  const name = subpath.replace(".", "once-again");
  const imported = Object.keys((await import(name)) as object);
  const required = Object.keys(require(name) as object).filter(
    (key) => key !== "__esModule" && key !== "module.exports",
  );
  return [subpath, { imported: imported.sort(), required: required.sort() }];
}

async function main(): Promise<void> {
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");
  process.stdout.write(JSON.stringify(Object.fromEntries(await Promise.all(subpaths.map(namesOf)))));
}

void main();
