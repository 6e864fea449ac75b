import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const cliProgram = fileURLToPath(new URL("../../packages/tools/src/cli/main.ts", import.meta.url));

/** A command that has not ended by then is ended, so that a test shows which one it was, milliseconds. */
const runMsMax = 60_000;

/** What a command came to; `code` is null when it had to be ended. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `once-again` in a process of its own, without a terminal; `cwd` is the folder in which it runs. */
export async function runCli(
  args: readonly string[],
  environment: Record<string, string> = {},
  cwd?: string,
): Promise<CliRun> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", cliProgram, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd,
    timeout: runMsMax,
    env: { ...process.env, NO_COLOR: "1", ...environment },
  });
  const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
  return { code: code as number | null, stdout, stderr };
}

/** Runs a command with `--json`, and reads its document. */
export async function cliDocument(...args: string[]): Promise<{ code: number | null; document: unknown }> {
  const { code, stdout } = await runCli([...args, "--json"]);
  return { code, document: JSON.parse(stdout) };
}
