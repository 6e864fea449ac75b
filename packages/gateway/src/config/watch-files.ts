import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Editors and orchestrators write in several steps; what is read in between may be half of it, milliseconds. */
const settleMs = 200;

/** However often a file is written, it is read after so long; and so long after another file of its folder, milliseconds. */
const delayMsMax = 2000;
const otherFilesMs = 1000;

/** A file, as it was when it was read. */
export interface ReadFile {
  readonly path: string;
  /** Of its content: see `digestOf`. */
  readonly digest: string;
}

/**
 * Calls `onChange` when the content of one of some files is another than it was when it was read, which may be before this
 * began. Folders are watched, so that a file may be replaced, as editors do it, or be a link that is turned, as mounted
 * volumes do it.
 *
 * @returns what ends it.
 */
export function watchFiles(files: readonly ReadFile[], onChange: () => void): () => void {
  const paths = files.map(({ path }) => path);
  let content = files.map(({ digest }) => digest);
  let timer: NodeJS.Timeout | undefined;
  let sinceMs = 0;
  const look = (): void => {
    timer = undefined;
    const now = paths.map(digestNow);
    if (now.every((digest, at) => digest === content[at])) return;
    content = now;
    onChange();
  };
  const names = new Set(paths.map((path) => basename(path)));
  const onEvent = (name: string | null): void => {
    const isOurs = name === null || names.has(name);
    if (timer === undefined) sinceMs = performance.now();
    // Another file of the folder may be a link that is turned, and never delays a look: a database is written all the time.
    else if (!isOurs) return;
    const leftMs = Math.max(0, sinceMs + delayMsMax - performance.now());
    clearTimeout(timer);
    timer = setTimeout(look, isOurs ? Math.min(settleMs, leftMs) : otherFilesMs);
  };
  const watchers = [...new Set(paths.map((path) => dirname(path)))].map((folder) => watchFolder(folder, onEvent));
  // Changes before the folders were watched caused no event, so look once.
  onEvent(null);
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher?.close();
  };
}

/** A file system that can't be watched has its changes read on SIGHUP alone. */
function watchFolder(folder: string, onEvent: (name: string | null) => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, (_, name) => onEvent(name)).on("error", () => undefined);
  } catch {
    return undefined;
  }
}

/** A hash of a file's content, to notice a change. */
export const digestOf = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

function digestNow(path: string): string {
  try {
    return digestOf(readFileSync(path));
  } catch {
    return "missing";
  }
}
