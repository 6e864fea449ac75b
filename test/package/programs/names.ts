import { createRequire } from "node:module";

// Prints what every subpath of the installed packages exports, by import and by require.

const require = createRequire(`${process.cwd()}/`);

async function namesOf(specifier: string): Promise<readonly [string, unknown]> {
  const imported = Object.keys((await import(specifier)) as object);
  const required = Object.keys(require(specifier) as object).filter(
    (key) => key !== "__esModule" && key !== "module.exports",
  );
  return [specifier, { imported: imported.sort(), required: required.sort() }];
}

function specifiersOf(name: string): readonly string[] {
  const { exports } = require(`${name}/package.json`) as { exports: Record<string, unknown> };
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");
  return subpaths.map((subpath) => subpath.replace(".", name));
}

async function main(): Promise<void> {
  const specifiers = ["once-again", "@once-again/testing", "@once-again/gateway", "@once-again/tools"].flatMap(
    specifiersOf,
  );
  process.stdout.write(JSON.stringify(Object.fromEntries(await Promise.all(specifiers.map(namesOf)))));
}

void main();
