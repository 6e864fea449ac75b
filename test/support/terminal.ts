import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import type { ServerBinary } from "./servers/binary.ts";

/** The program that `startOnTerminal` needs. */
export const scriptBinary: ServerBinary = { name: "script", install: "apt-get install -y bsdutils" };

/** The end of a command on a terminal. */
export interface TerminalRun {
  readonly code: number | null;
  /** All that it printed. */
  readonly printed: string;
}

/** Starts a shell's command on a new terminal, and answers its question, if it has one. */
export function startOnTerminal(
  command: string,
  answer: string,
  environment: NodeJS.ProcessEnv = process.env,
): { readonly child: ChildProcessWithoutNullStreams; readonly ended: Promise<TerminalRun> } {
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: environment,
    stdio: "pipe",
  });
  const closed = once(child, "close") as Promise<[number | null]>;
  const read = async (): Promise<TerminalRun> => {
    let printed = "";
    for await (const text of child.stdout.setEncoding("utf8")) {
      const wasAsked = printed.includes("[y/N]");
      printed += String(text);
      if (!wasAsked && printed.includes("[y/N]")) child.stdin.write(answer);
    }
    const [code] = await closed;
    return { code, printed };
  };
  return { child, ended: read() };
}
