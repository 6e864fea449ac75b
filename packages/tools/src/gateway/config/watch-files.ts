import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Editors and orchestrators write in several steps; what is read in between may be half of it, milliseconds. */
const settleMs = 200;

/**
 * Calls `onChange` when the content of one of some files is another than before. Folders are watched, so that a file may
 * be replaced, as editors do it, or be a link that is turned, as mounted volumes do it.
 *
 * @returns what ends it.
 */
export function watchFiles(files: readonly string[], onChange: () => void): () => void {
  let content = contentOf(files);
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const now = contentOf(files);
    if (now === content) return;
    content = now;
    onChange();
  };
  const onEvent = (): void => {
    clearTimeout(timer);
    timer = setTimeout(look, settleMs);
  };
  const watchers = [...new Set(files.map((file) => dirname(file)))].map((folder) => watchFolder(folder, onEvent));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher?.close();
  };
}

/** A file system that can't be watched has its changes read on SIGHUP alone. */
function watchFolder(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, onEvent).on("error", () => undefined);
  } catch {
    return undefined;
  }
}

function contentOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) {
    try {
      hash.update(readFileSync(file)).update("\0");
    } catch {
      hash.update("missing\0");
    }
  }
  return hash.digest("hex");
}
