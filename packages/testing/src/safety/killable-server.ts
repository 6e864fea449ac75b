import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { OnceAgainError } from "once-again";
import { crashPointVariable, type PointReached } from "./crash-point.ts";

const { process } = globalThis;

/** How a server is started. */
export interface ServerCommand {
  /** The program and its arguments: `[process.execPath, "server.ts"]`. It must be the server itself, no shell around it. */
  readonly command: readonly string[];
  /** More variables of its environment, beside ours and `PORT`. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** A server that dies at a chosen point, and is started again as a supervisor does it. */
export interface KillableServer extends AsyncDisposable {
  /** The crash points that it came to without dying there, in their order. */
  readonly reached: ReadonlySet<string>;
  /** How often it died. */
  readonly deaths: number;
  /** Rejects with `ONCE_TARGET_UNFIT` when it can't be started, or keeps ending by itself. */
  readonly failed: Promise<never>;
}

/** A server that ends more often is defective without any test. */
const deathsMax = 5;

/** Starts a server on a port. @param dieAt the crash point that ends its first life; none if undefined. */
export function killableServer(run: ServerCommand, port: number, dieAt: string | undefined): KillableServer {
  const [program = "", ...args] = run.command;
  const reached = new Set<string>();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  // Its reader may have left by then.
  failed.catch(() => undefined);
  let deaths = 0;
  let isClosing = false;
  let child: ChildProcess;

  const start = (point: string | undefined): void => {
    child = spawn(program, args, {
      env: { ...process.env, ...run.environment, PORT: String(port), [crashPointVariable]: point ?? "" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("message", (message) => reached.add((message as PointReached).crashPoint));
    child.once("error", (cause) => reject(unfit(`${program} can't be started`, cause)));
    child.once("exit", () => {
      if (isClosing) return;
      deaths += 1;
      if (deaths > deathsMax) reject(unfit(`${run.command.join(" ")} ends again and again`));
      else start(undefined);
    });
  };
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  start(dieAt);
  return {
    reached,
    get deaths() {
      return deaths;
    },
    failed,
    async [Symbol.asyncDispose]() {
      isClosing = true;
      process.removeListener("exit", endWithUs);
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function unfit(what: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_TARGET_UNFIT", `${what}: it must listen on 127.0.0.1 at the port in PORT.`, {
    cause,
  });
}
