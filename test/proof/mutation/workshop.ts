import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lendModules } from "../../support/lend-modules.ts";
import type { Mutant } from "./mutant.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The parts of the repository that a check needs. */
const parts = [
  "packages",
  "conformance",
  "examples",
  "scripts",
  "spec",
  "test",
  "package.json",
  ".npmrc",
  "tsconfig.json",
  "vitest.config.ts",
];

/** A copy of the sources, for one mutant at a time. The work tree is never touched. */
export interface Workshop extends AsyncDisposable {
  readonly folder: string;
  /** Puts a mutant into the copy while `use` runs. @throws StaleMutant when its text is not there exactly once. */
  withMutant<Value>(mutant: Mutant, use: () => Promise<Value>): Promise<Value>;
}

/** A mutant with a text that has gone from the sources: it must be brought up to date. */
export class StaleMutant extends Error {}

export async function workshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), "once-again-mutants-"));
  const isSource = (path: string): boolean => !/(^|\/)(node_modules|dist)$/.test(path);
  for (const part of parts) await cp(join(root, part), join(folder, part), { recursive: true, filter: isSource });
  await lendModules(folder);
  return {
    folder,
    async withMutant(mutant, use) {
      const path = join(folder, mutant.file);
      const source = await readFile(path, "utf8");
      await writeFile(path, mutated(source, mutant));
      try {
        return await use();
      } finally {
        await writeFile(path, source);
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The source without the guard. @throws StaleMutant */
export function mutated(source: string, { file, search, replace, guard }: Mutant): string {
  const [before, after, ...others] = source.split(search);
  if (before === undefined || after === undefined || others.length > 0) {
    throw new StaleMutant(`The mutant "${guard}" is stale: its text is not exactly once in ${file}.`);
  }
  return before + replace + after;
}

/** Whether a mutant's text is still in the sources of the work tree. @throws StaleMutant */
export async function checkFresh(mutant: Mutant): Promise<void> {
  mutated(await readFile(join(root, mutant.file), "utf8"), mutant);
}
