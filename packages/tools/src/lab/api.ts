import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";

/** The API of the lab, which may die and come back. */
export interface LabApi extends AsyncDisposable {
  /** Where it listens on 127.0.0.1, or did when it was last alive. */
  readonly port: number;
  /** Of its process, or of the last one if it is dead. */
  readonly pid: number;
  /**
   * Kills it in the middle of whatever it does (SIGKILL), and starts it again on the same database when `whileDead` has
   * settled.
   */
  crash(whileDead?: () => Promise<void>): Promise<void>;
  /** Ends it when it has finished its requests, and waits for that. */
  stop(): Promise<void>;
  /** Kills it, if it still lives. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** This file's neighbour, in TypeScript or built. */
const program = new URL(`./api-process${extname(import.meta.filename)}`, import.meta.url);

/**
 * Starts the API on the database file at `path`, which it makes if need be.
 *
 * @param onFailure is called when the API ends by itself.
 * @throws Error when it ends before it listens.
 */
export async function labApi(path: string, onFailure: (error: Error) => void): Promise<LabApi> {
  let child: ChildProcess;
  let exited: Promise<unknown>;
  let port = 0;
  let isEnding = false;

  const start = async (): Promise<void> => {
    isEnding = false;
    child = fork(program, [path], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // Node 22 says at each start that its SQLite is experimental.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    exited = once(child, "exit");
    child.once("exit", (code, killedBy) => {
      if (!isEnding) onFailure(new Error(`The lab's API ended by itself (${code ?? killedBy}).`));
    });
    const message = await Promise.race([once(child, "message"), exited.then(() => undefined)]);
    if (message === undefined) throw new Error("The lab's API did not start.");
    ({ port } = message[0] as { port: number });
  };
  const end = async (ask: () => void): Promise<void> => {
    isEnding = true;
    ask();
    await exited;
  };
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;

  await start();
  return {
    get port() {
      return port;
    },
    get pid() {
      return child.pid ?? 0;
    },
    async crash(whileDead = async () => undefined) {
      await end(() => child.kill("SIGKILL"));
      await whileDead();
      await start();
    },
    stop: () => end(() => child.send("stop")),
    async [Symbol.asyncDispose]() {
      if (isAlive()) await end(() => child.kill("SIGKILL"));
    },
  };
}
