import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { inject } from "vitest";

/** How it ended, as it is written for the other test files. */
type Outcome<Result> = { readonly result: Result } | { readonly error: string };

/**
 * Does something once in a run of the tests, for the file that asks first. Others wait for its result, which is handed to them
 * as JSON.
 *
 * @param make gets an empty folder, which is there until the run ends.
 * @throws Error as `make` did, to all.
 */
export async function onceInRun<Result>(name: string, make: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = join(inject("runFolder"), name);
  const file = join(inject("runFolder"), `${name}.json`);
  if (isFirst(folder)) {
    const outcome = await outcomeOf(make(folder));
    // It is there as a whole, or not at all.
    writeFileSync(`${file}.new`, JSON.stringify(outcome));
    renameSync(`${file}.new`, file);
  }
  while (!existsSync(file)) await setTimeout(100);
  const outcome = JSON.parse(readFileSync(file, "utf8")) as Outcome<Result>;
  if ("error" in outcome) throw new Error(outcome.error);
  return outcome.result;
}

/** Whether this is the first process that makes a folder. */
function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function outcomeOf<Result>(making: Promise<Result>): Promise<Outcome<Result>> {
  try {
    return { result: await making };
  } catch (error) {
    return { error: String(error) };
  }
}
