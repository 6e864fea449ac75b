import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import process from "node:process";
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import type { ServerUser } from "./server-folder.ts";

/** A server of one test, on a separate port of 127.0.0.1 and in a separate folder. */
export interface PrivateServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Its process; it changes with a restart, and is `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** Ends it in good order; its data stay. */
  stop(): Promise<void>;
  /** Kills it and its children (SIGKILL), in the middle of whatever they do; its data stay. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and data; kills it first if it still runs. */
  restart(): Promise<void>;
  /** Kills it, if it still runs, and removes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How a server is run. */
export interface ServerRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly url: string;
  /** Its data; removed in the end. */
  readonly folder: string;
  /** Its output when it takes connections. */
  readonly ready: RegExp;
  /** The signal that ends it in good order; default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Variables beside our own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whom it runs as; default ourselves. */
  readonly user?: ServerUser | undefined;
}

/** A killed server's children may hold its locks for a moment, so that the next start fails. */
const startsMax = 20;
const pauseMs = 250;

/** How much of a server's output an error shows, characters. */
const outputMax = 4000;

/**
 * Starts a server and waits until it takes connections. It is killed when this process exits.
 *
 * @throws Error with what it printed, when it ends again and again before it is ready; its folder is gone then.
 */
export async function startServer(run: ServerRun): Promise<PrivateServer> {
  let child: ChildProcess | undefined;
  const exitWithUs = (): void => void child?.kill("SIGKILL");
  process.once("exit", exitWithUs);

  const end = async (signal: (running: ChildProcess) => void): Promise<void> => {
    if (child === undefined) return;
    const ended = once(child, "exit");
    signal(child);
    await ended;
  };
  const start = async (): Promise<void> => {
    for (let starts = 1; ; starts += 1) {
      child = spawn(run.command, run.args, {
        cwd: run.folder,
        ...run.user,
        env: { ...process.env, LC_ALL: "C", ...run.environment },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child.once("exit", () => (child = undefined));
      const output = await readyOrEnded(child, run.ready);
      if (output === undefined) return;
      if (starts === startsMax) throw new Error(`${run.command} did not start:\n${output}`);
      await setTimeout(pauseMs);
    }
  };
  const kill = (): Promise<void> => end(killWithChildren);
  const remove = async (): Promise<void> => {
    await kill();
    process.removeListener("exit", exitWithUs);
    rmSync(run.folder, { recursive: true, force: true, maxRetries: 5 });
  };

  await start().catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return {
    port: run.port,
    url: run.url,
    get pid() {
      return child?.pid;
    },
    stop: () => end((running) => running.kill(run.stopSignal ?? "SIGTERM")),
    kill,
    async restart() {
      await kill();
      await start();
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** Waits until a server prints that it is ready (`undefined`), or ends; then: what it printed. */
async function readyOrEnded(child: ChildProcess, ready: RegExp): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let output = "";
  for (const stream of [child.stdout, child.stderr] as Readable[]) {
    stream.setEncoding("utf8");
    // Its output is read after that, too: a server stands still when its pipe is full.
    stream.on("data", (text: string) => {
      output = (output + text).slice(-outputMax);
      if (ready.test(output)) resolve(undefined);
    });
  }
  child.once("error", (error) => resolve(String(error)));
  child.once("close", () => resolve(output));
  return promise;
}

function killWithChildren(child: ChildProcess): void {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ").filter(Boolean);
  child.kill("SIGKILL");
  for (const pid of children) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended with its parent.
    }
  }
}
