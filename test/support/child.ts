import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A child process of a test, which does not outlive it. */
export interface Child {
  /** Resolves with the next whole line that it says. */
  line(): Promise<string>;
  tell(text: string): void;
  /** Ends it as a power cut would, and resolves when it is gone. */
  kill(): Promise<void>;
}

/** Runs a program in a separate process; its path is relative to this folder. */
export function startChild(program: string, ...args: string[]): Child {
  return startChildIn({}, program, ...args);
}

/** The same, with variables beside ours. */
export function startChildIn(environment: Readonly<Record<string, string>>, program: string, ...args: string[]): Child {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = child.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
  let said = "";
  onTestFinished(() => kill(child));
  return {
    async line() {
      while (!said.includes("\n")) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`${program} ended after saying ${JSON.stringify(said)}`);
        said += String(value);
      }
      const end = said.indexOf("\n");
      const line = said.slice(0, end);
      said = said.slice(end + 1);
      return line;
    },
    tell: (text) => void child.stdin.write(`${text}\n`),
    kill: () => kill(child),
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
