import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import type { CallerName } from "./caller-name.ts";
import type { Order } from "./orders.ts";
import type { Outcomes } from "./send-all.ts";
import type { OrderOutcome } from "./send-order.ts";

/** The work of a caller's process. */
export interface CallerTask {
  readonly name: CallerName;
  readonly url: string;
  readonly orders: readonly Order[];
  readonly concurrency: number;
  /** How long it waits for an answer, milliseconds. Default: as long as in the lab's report. */
  readonly attemptTimeoutMs?: number;
  /** How long the safe caller's orders stay with its process after its death, milliseconds. Default 500. */
  readonly leaseMs?: number;
  /** The file that its memory is in. */
  readonly path: string;
}

/** A message of it: an order settled, now or before a crash; a pause before a retry; how all orders ended. */
export type CallerReport =
  | { readonly settled: string; readonly outcome: OrderOutcome }
  | { readonly waitMs: number }
  | { readonly outcomes: Outcomes };

/** A caller that may die and come back. */
export interface KillableCaller {
  /** How all orders ended; rejects when it ends and nobody asked it to, and with the signal's reason. */
  readonly outcomes: Promise<Outcomes>;
  /** Whether all orders have ended, or it was stopped. */
  readonly isOver: boolean;
  /** Of its process, or of the last one if it is dead. */
  readonly pid: number;
  /** Kills it (SIGKILL) and starts it again when `whileDead` has settled, unless it is over or was stopped by then. */
  crash(whileDead?: () => Promise<void>): Promise<void>;
}

/** This file's neighbour, in TypeScript or built. */
const program = new URL(`./caller-process${extname(import.meta.filename)}`, import.meta.url);

/** Starts a caller in a process of its own, which is killed when `signal` aborts. */
export function killableCaller(
  task: CallerTask,
  options: {
    readonly signal: AbortSignal;
    readonly onWait: (waitMs: number) => void;
    /** Called once for each order. */
    readonly onSettled: (orderId: string, outcome: OrderOutcome) => void;
  },
): KillableCaller {
  const { signal } = options;
  const { promise: outcomes, resolve, reject } = Promise.withResolvers<Outcomes>();
  const settled = new Set<string>();
  let child: ChildProcess;
  let isEnding = false;
  let isOver = false;

  const hear = (report: CallerReport): void => {
    if ("waitMs" in report) return options.onWait(report.waitMs);
    if ("settled" in report) {
      // After a crash it reports again the orders that had settled before.
      if (settled.size < settled.add(report.settled).size) options.onSettled(report.settled, report.outcome);
      return;
    }
    isEnding = isOver = true;
    resolve(report.outcomes);
  };
  const start = (): void => {
    child = fork(program, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    child.on("message", (report) => hear(report as CallerReport));
    child.once("exit", (code, killedBy) => {
      if (!isEnding) reject(new Error(`The lab's ${task.name} caller ended by itself (${code ?? killedBy}).`));
    });
    child.send(task);
  };
  const kill = async (): Promise<void> => {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    child.kill("SIGKILL");
    await exited;
  };

  start();
  const onAbort = (): void => {
    isEnding = isOver = true;
    void kill().then(() => reject(signal.reason as Error));
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return {
    outcomes: outcomes.finally(() => signal.removeEventListener("abort", onAbort)),
    get isOver() {
      return isOver;
    },
    get pid() {
      return child.pid ?? 0;
    },
    async crash(whileDead = async () => undefined) {
      if (isOver) return;
      isEnding = true;
      await kill();
      await whileDead();
      // Its last report may have been on the way.
      if (isOver) return;
      isEnding = false;
      start();
    },
  };
}
