import { createHash } from "node:crypto";
import type { CriticalWindow, FaultKind } from "./windows.ts";

/** The events of one simulation: counted, and written down line by line. */
export interface Diary {
  readonly windows: Map<CriticalWindow, number>;
  readonly faults: Map<FaultKind, number>;
  portCalls: number;
  readonly lines: readonly string[];
  window(name: CriticalWindow): void;
  fault(kind: FaultKind): void;
  /** Writes down what happens at this moment. */
  note(text: string): void;
  /** SHA-256 over all lines, hexadecimal: two runs with the same one were the same. */
  hash(): string;
}

export function diary(now: () => number): Diary {
  const digest = createHash("sha256");
  const lines: string[] = [];
  const note = (text: string): void => {
    const line = `${now().toFixed(3)} ${text}`;
    digest.update(`${line}\n`);
    lines.push(line);
  };
  const windows = new Map<CriticalWindow, number>();
  const faults = new Map<FaultKind, number>();
  return {
    windows,
    faults,
    portCalls: 0,
    lines,
    window(name) {
      windows.set(name, (windows.get(name) ?? 0) + 1);
      note(`window: ${name}`);
    },
    fault(kind) {
      faults.set(kind, (faults.get(kind) ?? 0) + 1);
    },
    note,
    hash: () => digest.copy().digest("hex"),
  };
}
