import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import process from "node:process";

/** Where a run was measured, and what was. */
export interface Ground {
  readonly date: string;
  readonly node: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  /** The version of each package that was measured. */
  readonly versions: Readonly<Record<string, string>>;
}

/** @param packages the names of the packages that are measured, or that peers are measured on. */
export function measuredGround(packages: readonly string[]): Ground {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: Object.fromEntries(packages.map((name) => [name, installedVersion(name)])),
  };
}

/** @throws Error when the package is not installed: `npm install`. */
function installedVersion(name: string): string {
  const path = findPackageJSON(name, import.meta.url);
  if (path === undefined) throw new Error(`${name} is not installed: npm install`);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
