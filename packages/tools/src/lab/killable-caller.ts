import { extname } from "node:path";
import type { CallerName } from "./caller-name.ts";
import { type KillableProcess, killableProcess } from "./killable-process.ts";
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
export interface KillableCaller extends Pick<KillableProcess, "isOver" | "pid" | "crash"> {
  /** How all orders ended; rejects when the process ends unasked, and with the signal's reason. */
  readonly outcomes: Promise<Outcomes>;
}

/** This file's neighbour, in TypeScript or built. */
const program = new URL(`./caller-process${extname(import.meta.filename)}`, import.meta.url);

/** Starts a caller in a separate process, which is killed when `signal` aborts. */
export function killableCaller(
  task: CallerTask,
  options: {
    readonly signal: AbortSignal;
    readonly onWait: (waitMs: number) => void;
    /** Called once for each order. */
    readonly onSettled: (orderId: string, outcome: OrderOutcome) => void;
  },
): KillableCaller {
  const { signal, onWait, onSettled } = options;
  const settled = new Set<string>();
  let outcomes: Outcomes | undefined;

  const hear = (report: CallerReport): boolean => {
    if ("waitMs" in report) onWait(report.waitMs);
    // After a crash it reports again the orders that had settled before.
    else if ("settled" in report && !settled.has(report.settled)) {
      settled.add(report.settled);
      onSettled(report.settled, report.outcome);
    } else if ("outcomes" in report) ({ outcomes } = report);
    return outcomes !== undefined;
  };
  const process = killableProcess({ program, task, name: `${task.name} caller`, signal, hear });
  return Object.assign(process, { outcomes: process.ended.then(() => outcomes!) });
}
