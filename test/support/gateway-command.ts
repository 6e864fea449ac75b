import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const gatewayProgram = fileURLToPath(new URL("../../packages/gateway/src/cli/main.ts", import.meta.url));

/** The command of `@once-again/gateway`, running. */
export interface GatewayCommand {
  readonly url: string;
  /** Where health, metrics and routes are. */
  readonly adminUrl: string;
  readonly pid: number;
  /** Resolves with the next line on stdout, after those that tell its address. */
  printed(): Promise<string>;
  /** Resolves with the next line on stderr. */
  said(): Promise<string>;
  /** Sends it a signal, and resolves with its exit code when that ends it. */
  signal(name: NodeJS.Signals): void;
  end(): Promise<number | null>;
}

/**
 * Starts the command until the running test ends, on a free port unless the arguments name one.
 *
 * @param onSpawn called with its process, which may not have begun yet.
 */
export async function startGatewayCommand(
  args: readonly string[],
  environment = {},
  onSpawn: (child: ChildProcess) => void = () => undefined,
): Promise<GatewayCommand> {
  const command = ["--disable-warning=ExperimentalWarning", gatewayProgram, ...args];
  const child = spawn(process.execPath, command, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  onSpawn(child);
  const exit = once(child, "exit").then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const said = lineReader(child.stderr);
  const printed = lineReader(child.stdout);
  const first = await Promise.race([
    printed(),
    exit.then(async (code) => Promise.reject(new Error(`It ended with ${code}: ${await said()}`))),
  ]);
  const url = /Gateway: (\S+)/.exec(first)?.[1];
  if (url === undefined) throw new Error(`It said ${first}`);
  let adminUrl = "";
  for (let line = ""; !line.startsWith("Ctrl-C"); line = await printed()) {
    adminUrl = /^Health and metrics: (\S+)\/-\/health/.exec(line)?.[1] ?? adminUrl;
  }
  return {
    url,
    adminUrl,
    pid: child.pid!,
    printed,
    said,
    signal: (name) => void child.kill(name),
    async end() {
      child.kill("SIGTERM");
      return exit;
    },
  };
}

/** Reads a stream line by line; its end is an empty one. */
function lineReader(stream: Readable): () => Promise<string> {
  const lines = createInterface(stream)[Symbol.asyncIterator]();
  return async () => (await lines.next()).value ?? "";
}
