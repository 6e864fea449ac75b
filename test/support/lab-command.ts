import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CliProcess, type CliRun, endOf, startCli } from "./cli.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The lines of the orders that the tools bring, one JSON document each. */
export const shippedLines = readFileSync(new URL("../../packages/tools/orders.ndjson", import.meta.url), "utf8")
  .trim()
  .split("\n");

/** The command `once-again lab`, with temporary files in a folder that is the test's alone. */
export interface LabCommand {
  start(...flags: string[]): CliProcess;
  /** Starts it, and waits for its end. */
  run(...flags: string[]): Promise<CliRun>;
  /** Writes a file of orders, and returns its path. */
  orders(lines: readonly string[]): string;
  /** The folders that runs have left there. */
  leftBehind(): string[];
}

/** @param first flags of every start. */
export function labCommand(...first: readonly string[]): LabCommand {
  const folder = temporaryFolder();
  // The lab makes its folder where temporary files go, and must take it away again.
  const start: LabCommand["start"] = (...flags) => startCli(["lab", ...first, ...flags], { TMPDIR: folder });
  return {
    start,
    run: (...flags) => endOf(start(...flags)),
    orders(lines) {
      const file = join(folder, "orders.ndjson");
      writeFileSync(file, lines.join("\n"));
      return file;
    },
    leftBehind: () => readdirSync(folder).filter((name) => name.startsWith("once-again-lab-")),
  };
}
