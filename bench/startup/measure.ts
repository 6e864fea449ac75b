import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Figures } from "../measure.ts";

/** Processor time of the import, and of the process from its start to its end; the most memory that it had. */
export type FigureName = "importMs" | "processMs" | "memoryMegabytes";

/** The name of the row that imports nothing. */
export const bareNode = "node";

/** Imports the module in its first argument, if any, and writes the figures to the fourth stream when the process ends. */
const program = `
const [, imported = ""] = process.argv;
const cpuMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
const startedAt = cpuMs();
let importMs = 0;
process.once("exit", () => {
  const figures = { importMs, processMs: cpuMs(), memoryMegabytes: process.resourceUsage().maxRSS / 1024 };
  process.getBuiltinModule("node:fs").writeSync(3, JSON.stringify(figures));
});
if (imported !== "") await import(imported);
importMs = cpuMs() - startedAt;
`;

/** @param tree the folder from which the module is imported. */
export function measureImport(specifier: string, tree: string): Promise<Figures<FigureName>> {
  return measureProcess(tree, specifier === bareNode ? [] : [specifier]);
}

/** Starts the command `once-again`. */
export function measureCommand(args: readonly string[], tree: string): Promise<Figures<FigureName>> {
  return measureProcess(tree, [join(tree, "packages/tools/bin/once-again.js"), ...args]);
}

/** @throws Error with all that the process printed, when it failed. */
async function measureProcess(cwd: string, args: readonly string[]): Promise<Figures<FigureName>> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program, "--", ...args], {
    cwd,
    // As users run it: without the condition by which this repository takes its sources.
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const [printed, errors, figures, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    text(child.stdio[3] as Readable),
    once(child, "close"),
  ]);
  if (code !== 0 || figures === "") throw new Error(`${args.join(" ")} ended with ${code}:\n${printed}${errors}`);
  return JSON.parse(figures) as Figures<FigureName>;
}
