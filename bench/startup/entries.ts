import { readFileSync } from "node:fs";

/** The packages that have entries, by the name that users import, each after those that it needs. */
export const ourPackages = {
  "once-again": "packages/once-again",
  "@once-again/testing": "packages/testing",
  "@once-again/gateway": "packages/gateway",
  "@once-again/tools": "packages/tools",
} as const;

/** The names that users import, such as `once-again/express`. */
export const entries: readonly string[] = Object.entries(ourPackages).flatMap(([name, folder]) => {
  const text = readFileSync(new URL(`../../${folder}/package.json`, import.meta.url), "utf8");
  const { exports } = JSON.parse(text) as { exports: Readonly<Record<string, unknown>> };
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== "./package.json");
  return subpaths.map((subpath) => subpath.replace(".", name));
});
