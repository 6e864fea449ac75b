import { symlinkSync, unlinkSync, writeFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { digestOf, watchFiles } from "./watch-files.ts";

/** Watches a file of a folder in which another file is written all the time. */
function watchBusyFolder(path: string, folder: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const writer = setInterval(() => writeFileSync(join(folder, "keys.db-wal"), String(Math.random())), 10);
  const endWatch = watchFiles([{ path, digest: digestOf(Buffer.from("one")) }], resolve);
  onTestFinished(() => {
    clearInterval(writer);
    endWatch();
  });
  return promise;
}

test("a changed file is read while another file of its folder is written all the time", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "gateway.yaml");
  writeFileSync(path, "one");
  const changed = watchBusyFolder(path, folder);
  writeFileSync(path, "two");
  await changed;
});

test("so is one that is a link, which is turned", async () => {
  const folder = temporaryFolder();
  for (const version of ["one", "two"]) {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, "gateway.yaml"), version);
  }
  symlinkSync("one", join(folder, "..data"));
  const path = join(folder, "gateway.yaml");
  symlinkSync(join("..data", "gateway.yaml"), path);
  const changed = watchBusyFolder(path, folder);
  symlinkSync("two", join(folder, "..new"));
  unlinkSync(join(folder, "..data"));
  renameSync(join(folder, "..new"), join(folder, "..data"));
  await expect(changed).resolves.toBeUndefined();
});
