import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "./temporary-folder.ts";

const program = fileURLToPath(new URL("../../packages/tools/src/cli/main.ts", import.meta.url));

/** The lines of the orders that the tools bring, one JSON document each. */
export const shippedLines = readFileSync(new URL("../../packages/tools/orders.ndjson", import.meta.url), "utf8")
  .trim()
  .split("\n");

/** The command `once-again lab`, with temporary files in a folder that is the test's alone. */
export interface LabCommand {
  start(...flags: string[]): ChildProcessByStdio<null, Readable, Readable>;
  /** Starts it, and waits for its end. */
  run(...flags: string[]): Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>;
  /** Writes a file of orders, and returns its path. */
  orders(lines: readonly string[]): string;
  /** The folders that runs have left there. */
  leftBehind(): string[];
}

/** @param first flags of every start. */
export function labCommand(...first: readonly string[]): LabCommand {
  const folder = temporaryFolder();
  const start: LabCommand["start"] = (...flags) =>
    spawn(process.execPath, [program, "lab", ...first, ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
      // The lab makes its folder where temporary files go, and must take it away again.
      env: { ...process.env, TMPDIR: folder, NO_COLOR: "1" },
    });
  return {
    start,
    async run(...flags) {
      const child = start(...flags);
      const [[code], stdout, stderr] = await Promise.all([
        once(child, "close"),
        text(child.stdout),
        text(child.stderr),
      ]);
      return { code, stdout, stderr };
    },
    orders(lines) {
      const file = join(folder, "orders.ndjson");
      writeFileSync(file, lines.join("\n"));
      return file;
    },
    leftBehind: () => readdirSync(folder).filter((name) => name.startsWith("once-again-lab-")),
  };
}
