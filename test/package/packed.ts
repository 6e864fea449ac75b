import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Packed } from "../support/built-packages.ts";
import { onceInRun } from "../support/once-in-run.ts";
import { run } from "../support/run.ts";

const script = fileURLToPath(new URL("../../scripts/pack.ts", import.meta.url));

/** The answer of `npm run pack -- --json`. */
export interface PackedAll {
  /** All packages, the library first. */
  readonly packages: readonly Packed[];
  /** The commands that install the library alone, and all packages. */
  readonly install: { readonly library: string; readonly all: string };
}

/** Packs all packages by `npm run pack`, once in a run of the tests. */
export function packAll(): Promise<PackedAll> {
  return onceInRun("packages", async (folder) => {
    const said = await run(process.execPath, [script, "--out", folder, "--json"], { cwd: process.cwd() });
    return JSON.parse(said) as PackedAll;
  });
}

/** All packages, the library first: built and packed as they would be published. */
export async function packedPackages(): Promise<readonly Packed[]> {
  return (await packAll()).packages;
}
