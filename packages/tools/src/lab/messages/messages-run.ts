import { extname, join } from "node:path";
import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { type CallerName, callerNames } from "../caller-name.ts";
import type { LabFaults } from "../fault-plan.ts";
import { type KillableProcess, killableProcess } from "../killable-process.ts";
import { createLedger } from "../ledger.ts";
import type { Order } from "../orders.ts";
import type { LabBroker } from "./brokers/broker.ts";
import { type RoleName, roleNames } from "./live/messages-protocol.ts";
import type { ServiceWord, SideReport, SideTask } from "./side-task.ts";

/** The parts of a run. */
export interface MessagesRunParts extends LabFaults {
  readonly orders: readonly Order[];
  readonly concurrency: number;
  readonly slowness: number;
  /** Whether the services place their orders at once, or wait for `setOpen(true)`. */
  readonly isOpen: boolean;
  readonly broker: LabBroker;
  /** Where its databases are. */
  readonly folder: string;
  /** Ends the run: all its processes are killed. */
  readonly signal: AbortSignal;
  readonly onReport: (side: CallerName, report: SideReport) => void;
}

/** Two order services and two shippings, each a separate process, and a broker between them. */
export interface MessagesRun extends AsyncDisposable {
  readonly processes: Readonly<Record<CallerName, Readonly<Record<RoleName, KillableProcess>>>>;
  /** Lets the services place orders, or holds back those that are not placed. */
  setOpen(isOpen: boolean): void;
  /** Has each service place its next order. */
  step(): void;
  /**
   * Resolves when both services have announced what they will announce, and then every message is acknowledged; rejects
   * when a process ends unasked, and with the signal's reason.
   *
   * @param settleCrashes called between the two: no process must be killed from then on.
   */
  drained<Value>(settleCrashes: () => Promise<Value>): Promise<Value>;
  /** Kills what still lives. */
  [Symbol.asyncDispose](): Promise<void>;
}

const programs = {
  service: new URL(`./order-service-process${extname(import.meta.filename)}`, import.meta.url),
  shipping: new URL(`./shipping-process${extname(import.meta.filename)}`, import.meta.url),
};

/** The file of a side's order service. */
export const serviceFile = (folder: string, side: CallerName): string => join(folder, `${side}-orders.sqlite`);

/** The file in which both shippings write what they ship. */
export const ledgerFile = (folder: string): string => join(folder, "shipments.sqlite");

/** Starts all four processes. */
export function startMessagesRun(parts: MessagesRunParts): MessagesRun {
  const { broker, folder, signal, onReport, orders, concurrency, slowness, seed, faults } = parts;
  createLedger(ledgerFile(folder));
  let { isOpen } = parts;
  const gateWord = (): ServiceWord => (isOpen ? "go" : "wait");

  const start = (side: CallerName, role: RoleName): KillableProcess => {
    const saved = new Set<string>();
    return killableProcess<SideReport | object>({
      program: programs[role],
      task: {
        concurrency,
        slowness,
        seed,
        faults,
        name: side,
        broker: broker.address,
        path: role === "service" ? serviceFile(folder, side) : ledgerFile(folder),
        orders: role === "service" ? orders : [],
      } satisfies SideTask,
      name: `${side} ${role === "service" ? "order service" : "shipping"}`,
      signal,
      onStart(child) {
        broker.attach(side, child);
        if (role === "service") child.send(gateWord(), () => undefined);
      },
      hear(report) {
        if (!("event" in report)) return false;
        if (report.event === "saved" && saved.size === saved.add(report.order).size) return false;
        onReport(side, report);
        return report.event === "done";
      },
    });
  };
  const side = (name: CallerName) => ({ service: start(name, "service"), shipping: start(name, "shipping") });
  const processes = { careless: side("careless"), safe: side("safe") };
  const shippings = callerNames.map((name) => processes[name].shipping);
  const tellServices = (word: ServiceWord): void => callerNames.forEach((name) => processes[name].service.tell(word));
  return {
    processes,
    setOpen(open) {
      isOpen = open;
      tellServices(gateWord());
    },
    step: () => tellServices("step"),
    async drained(settleCrashes) {
      const died = Promise.race(shippings.map(({ ended }) => ended));
      const unlessOneDies = async <Value>(work: Promise<Value>): Promise<Value> => {
        await Promise.race([work, died]);
        return work;
      };
      await unlessOneDies(Promise.all(callerNames.map((name) => processes[name].service.ended)));
      const settled = await settleCrashes();
      await unlessOneDies(Promise.all(callerNames.map((name) => drain(broker, name, processes[name].shipping))));
      return settled;
    },
    async [Symbol.asyncDispose]() {
      const all = callerNames.flatMap((name) => roleNames.map((role) => processes[name][role]));
      await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

const pollMs = 50;

/** Waits until a side's queue is empty, also of what its consumer has in hand; then that has ended. */
async function drain(broker: LabBroker, side: CallerName, shipping: KillableProcess): Promise<void> {
  for (;;) {
    while ((await broker.waiting(side)) > 0) await sleep(systemClock, pollMs);
    await shipping.stop();
    if ((await broker.waiting(side)) === 0) return;
    shipping.start();
  }
}
