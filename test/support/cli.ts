import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { startOnTerminal } from "./terminal.ts";
import { waitMsMax } from "./wait-ms-max.ts";

export const cliProgram = fileURLToPath(new URL("../../packages/tools/src/cli/main.ts", import.meta.url));

/** The end of a command; `code` is null when it had to be killed. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export type CliProcess = ChildProcessByStdio<null, Readable, Readable>;

/** Starts `once-again` in a separate process, without a terminal. */
export const startCli = (
  args: readonly string[],
  environment: Record<string, string> = {},
  options: { readonly cwd?: string | undefined; readonly timeout?: number } = {},
): CliProcess =>
  spawn(process.execPath, ["--disable-warning=ExperimentalWarning", cliProgram, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
    env: { ...process.env, NO_COLOR: "1", ...environment },
  });

/** Waits for the end of a command. */
export async function endOf(child: CliProcess): Promise<CliRun> {
  const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
  return { code: code as number | null, stdout, stderr };
}

/** Runs `once-again` to its end; `cwd` is the folder in which it runs. One that hangs is ended, so that a test shows which one it was. */
export const runCli = (
  args: readonly string[],
  environment: Record<string, string> = {},
  cwd?: string,
): Promise<CliRun> => endOf(startCli(args, environment, { cwd, timeout: waitMsMax }));

/** Runs a command with `--json`, and reads its document. */
export async function cliDocument(...args: string[]): Promise<{ code: number | null; document: unknown }> {
  const { code, stdout } = await runCli([...args, "--json"]);
  return { code, document: JSON.parse(stdout) };
}

/** Runs `once-again` on a new terminal, and answers its question; returns everything that it printed. */
export async function runOnTerminal(args: readonly string[], answer: string): Promise<string> {
  const { child, ended } = startOnTerminal([process.execPath, cliProgram, ...args].join(" "), answer);
  onTestFinished(() => void child.kill());
  return (await ended).printed;
}
