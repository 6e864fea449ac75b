import { createRequire } from "node:module";
import process from "node:process";

const require = createRequire(import.meta.url);

/** The folders where drivers are looked for: the project where the command runs, then the folder of this package. */
const folders = (): readonly string[] => [process.cwd(), import.meta.dirname];

/**
 * Loads the first of some modules that is installed.
 *
 * @throws Error that says what to install, when no module is found.
 */
export function loadDriver<Name extends string>(
  store: string,
  names: readonly Name[],
): { name: Name; module: unknown } {
  for (const folder of folders()) {
    for (const name of names) {
      const path = pathOf(name, folder);
      if (path !== undefined) return { name, module: require(path) };
    }
  }
  const [first, ...others] = names.map(packageOf);
  const choice = others.map((name) => ` (or ${name})`).join("");
  throw new Error(`${store} needs a driver, and none is installed here: npm install ${first}${choice}`);
}

/** Loads some modules that are needed together. */
export function loadDrivers(store: string, names: readonly string[]): unknown[] {
  for (const folder of folders()) {
    const paths = names.map((name) => pathOf(name, folder)).filter((path) => path !== undefined);
    if (paths.length === names.length) return paths.map((path): unknown => require(path));
  }
  throw new Error(`${store} needs drivers that are not installed here: npm install ${names.join(" ")}`);
}

/** The package that a module is of. */
function packageOf(name: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name;
}

/** The file of a module of ours: beside this package, or in the project where the command runs. */
export function findModule(name: string): string | undefined {
  return [...folders()]
    .toReversed()
    .map((folder) => pathOf(name, folder))
    .find((path) => path !== undefined);
}

function pathOf(name: string, folder: string): string | undefined {
  try {
    return require.resolve(name, { paths: [folder] });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
