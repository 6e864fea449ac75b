import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
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

/** How much of all parts together waits in memory until it is written, bytes. */
const waitingMax = 8 * 1024 * 1024;

/**
 * Parts in a new folder among the temporary files, which goes with them.
 *
 * @param level A part that is split again is split at another level: there its keys have other hashes.
 */
export function partitions(count: number, level = 0): Partitions {
  const folder = mkdtempSync(join(tmpdir(), "once-again-judge-"));
  // Bytes, and not texts: a text that waits would hold the whole chunk of the history that it was cut from.
  const waiting = Buffer.allocUnsafeSlow(waitingMax);
  const room = Math.floor(waitingMax / count);
  const parts = Array.from({ length: count }, () => ({ length: 0, isWritten: false }));
  const pathOf = (part: number): string => join(folder, `${part}.jsonl`);
  // No file stays open: some systems allow a process no more than 256.
  const write = (at: number, bytes: Buffer): void => {
    appendFileSync(pathOf(at), bytes, { mode: 0o600 });
    parts[at]!.isWritten = true;
  };
  const flush = (at: number): void => {
    const part = parts[at]!;
    if (part.length > 0) write(at, waiting.subarray(at * room, at * room + part.length));
    part.length = 0;
  };
  return {
    count,
    add(key, line) {
      const at = hash(key, level) % count;
      const part = parts[at]!;
      const lengthMax = 3 * line.length + 1;
      if (part.length + lengthMax > room) flush(at);
      if (lengthMax > room) return write(at, Buffer.from(`${line}\n`));
      part.length += waiting.write(line, at * room + part.length);
      part.length += waiting.write("\n", at * room + part.length);
    },
    fileOf(at) {
      flush(at);
      return parts[at]!.isWritten ? pathOf(at) : undefined;
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string, level: number): number {
  let value = 0x811c9dc5 ^ level;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
