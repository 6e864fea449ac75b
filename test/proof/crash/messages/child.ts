import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { append } from "../evidence.ts";
import { type Tracer, tracer } from "../../trace/trace-step.ts";
import { obeyFaultPlans } from "../process-faults.ts";
import type { BrokerName } from "./broker.ts";
import type { EngineName } from "./engine.ts";
import type { Unwritten } from "./evidence.ts";
import type { PlaceTopic } from "./places.ts";

/** A guard that can be taken out, to see that the run notices. */
export const guards = ["inbox", "same-transaction", "ordering-key"] as const;
export type Guard = (typeof guards)[number];

/** The task of a process of a run. */
export interface ChildTask {
  readonly engine: EngineName;
  /** The database, through its wire; or the path of the file. */
  readonly database: string;
  readonly broker: BrokerName;
  /** The broker, through its wire. */
  readonly brokerUrl: string;
  readonly life: string;
  readonly diary: string;
  /** The places that messages may go to, beside the queues of the shop. */
  readonly places: readonly PlaceTopic[];
  /** Where messages of `places.silent` go. */
  readonly silentUrl: string;
  /** While this file is there, writers add nothing. */
  readonly hold: string;
  readonly leaseMs: number;
  readonly without: Guard | undefined;
  /** The file for a trace of the steps that messages take. */
  readonly trace: string | undefined;
}

/** The task of this process, and its diary: each step is written before the process goes on, or dies there by a plan. */
export function startedChild<Entry extends { event: string }>(): {
  task: ChildTask;
  note: (entry: Unwritten<Entry>) => void;
  /** Missing where no trace is asked for. */
  trace: Tracer | undefined;
} {
  const task = JSON.parse(process.argv[2] ?? "") as ChildTask;
  const reached = obeyFaultPlans();
  const note = (entry: Unwritten<Entry>): void => {
    append(task.diary, { at: Date.now(), ...entry });
    reached((entry as unknown as Entry).event);
  };
  const { life, trace: file } = task;
  const trace = file === undefined ? undefined : tracer(life, (line) => append(file, line));
  process.send?.("ready");
  return { task, note, trace };
}

/** Calls again what fails, until it succeeds: servers and wires may be away when a process starts. */
export async function insist<Value>(call: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await call();
    } catch {
      await setTimeout(50);
    }
  }
}
