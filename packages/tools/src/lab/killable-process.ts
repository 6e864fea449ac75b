import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A process of the lab that may die and come back. */
export interface KillableProcess extends AsyncDisposable {
  /** Settles when its work is over; rejects when it ends unasked, and with the signal's reason. */
  readonly ended: Promise<void>;
  /** Whether its work is over, or it was stopped. */
  readonly isOver: boolean;
  /** Of the process, or of the last one if it is dead. */
  readonly pid: number;
  /** Kills it (SIGKILL) and starts it again when `whileDead` has settled, unless it is over or was stopped by then. */
  crash(whileDead?: () => Promise<void>): Promise<void>;
  /** Sends it a word, unless it is gone. */
  tell(word: string): void;
  /** Has it end in good order, and waits for that. */
  stop(): Promise<void>;
  /** Starts it again after `stop()`. */
  start(): void;
  /** Kills it for good, if it still lives. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The options of such a process. */
export interface KillableProcessOptions<Report> {
  readonly program: URL;
  /** Sent to it at each start. */
  readonly task: object;
  /** Its name in the error when it ends by itself: "safe caller". */
  readonly name: string;
  /** Kills it when it aborts. */
  readonly signal: AbortSignal;
  /** Called with each report; returns whether it was the last one: then the process ends by itself. */
  readonly hear: (report: Report) => boolean;
  /** Is given each process when it has started, and was sent its task. */
  readonly onStart?: ((child: ChildProcess) => void) | undefined;
}

/** Starts such a process, which is sent its task by IPC, and answers with reports. */
export function killableProcess<Report>(options: KillableProcessOptions<Report>): KillableProcess {
  const { program, task, name, signal, hear, onStart } = options;
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  let child: ChildProcess;
  let isEnding = false;
  let isOver = false;

  const start = (): void => {
    isEnding = false;
    child = fork(program, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // Node 22 says at each start that its SQLite is experimental.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    child.on("message", (report) => {
      if (!hear(report as Report)) return;
      isEnding = isOver = true;
      resolve();
    });
    child.once("exit", (code, killedBy) => {
      if (!isEnding) reject(new Error(`The lab's ${name} ended by itself (${code ?? killedBy}).`));
    });
    child.send(task);
    onStart?.(child);
  };
  const end = async (ask: () => void): Promise<void> => {
    isEnding = true;
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    if (exited !== undefined) ask();
    await exited;
  };
  // A process that dies just then has left its channel.
  const tell = (word: string): void => void (child.connected && child.send(word, () => undefined));
  const kill = (): Promise<void> => end(() => child.kill("SIGKILL"));
  const dispose = (): Promise<void> => {
    isOver = true;
    return kill();
  };

  start();
  const onAbort = (): void => {
    void dispose().then(() => reject(signal.reason as Error));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const over = ended.finally(() => signal.removeEventListener("abort", onAbort));
  // It may end before anyone waits for it, which is no error of the process that holds it.
  over.catch(() => undefined);
  return {
    ended: over,
    get isOver() {
      return isOver;
    },
    get pid() {
      return child.pid ?? 0;
    },
    async crash(whileDead = async () => undefined) {
      if (isOver) return;
      await kill();
      await whileDead();
      // Its last report may have been on the way.
      if (!isOver) start();
    },
    tell,
    stop: () => end(() => tell("stop")),
    start,
    [Symbol.asyncDispose]: dispose,
  };
}
