import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";

/** Makes a folder that is gone when the running test ends. */
export function temporaryFolder(): string {
  const folder = make();
  onTestFinished(() => remove(folder));
  return folder;
}

/** Makes a folder for the tests of the suite that is being described, gone when they have all ended. */
export function folderOfSuite(): () => string {
  let folder: string;
  beforeAll(() => void (folder = make()));
  afterAll(() => remove(folder));
  return () => folder;
}

const make = (): string => mkdtempSync(join(tmpdir(), "once-again-"));
const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });
