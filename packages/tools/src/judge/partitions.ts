import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Lines that belong together, in files: one part at a time fits into memory, however long all of them are. */
export interface Partitions extends Disposable {
  /** Adds a line to the part of its key. */
  add(key: string, line: string): void;
  /** How many parts there are. */
  readonly count: number;
  /** The file of a part, with all lines in the order in which they came; `undefined`: it has none. */
  fileOf(part: number): string | undefined;
}

/** How much of a part waits in memory until it is written, characters. */
const waitingMax = 128 * 1024;

/** Parts in a new folder among the temporary files, which goes with them. */
export function partitions(count: number): Partitions {
  const folder = mkdtempSync(join(tmpdir(), "once-again-judge-"));
  const parts = Array.from({ length: count }, () => ({ lines: [] as string[], length: 0, descriptor: -1 }));
  const pathOf = (part: number): string => join(folder, `${part}.jsonl`);
  const flush = (at: number): void => {
    const part = parts[at]!;
    if (part.lines.length === 0) return;
    if (part.descriptor < 0) part.descriptor = openSync(pathOf(at), "w", 0o600);
    writeSync(part.descriptor, `${part.lines.join("\n")}\n`);
    part.lines = [];
    part.length = 0;
  };
  return {
    count,
    add(key, line) {
      const at = hash(key) % count;
      const part = parts[at]!;
      part.lines.push(line);
      part.length += line.length;
      if (part.length > waitingMax) flush(at);
    },
    fileOf(at) {
      flush(at);
      return parts[at]!.descriptor < 0 ? undefined : pathOf(at);
    },
    [Symbol.dispose]() {
      for (const { descriptor } of parts) if (descriptor >= 0) closeSync(descriptor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
