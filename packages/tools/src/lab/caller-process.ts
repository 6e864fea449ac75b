/**
 * One of the lab's callers, in a separate process, so that it can be killed. Started by killable-caller.ts, which
 * sends it its task by IPC; it answers with reports, ends after the last, and at once when its parent is gone.
 */
import process from "node:process";
import type { CallerReport, CallerTask } from "./killable-caller.ts";
import { restartableCallers } from "./restartable-callers.ts";
import { type SendAll, sendAll } from "./send-all.ts";

const report = (what: CallerReport, onSent: () => void = () => undefined): void => void process.send?.(what, onSent);

async function run({ name, orders, ...task }: CallerTask): Promise<void> {
  const caller = restartableCallers[name]({ ...task, onWait: (waitMs) => report({ waitMs }) });
  const { signal } = new AbortController();
  const { concurrency } = task;
  const onSettled: SendAll["onSettled"] = ({ id }, outcome) => report({ settled: id, outcome });
  const outcomes = await sendAll({ orders, concurrency, send: caller.send, signal, onSettled });
  await caller.close();
  report({ outcomes }, () => process.disconnect());
}

process.once("message", (task) => void run(task as CallerTask));
// Ctrl-C reaches the whole group of processes; the parent acts on it.
for (const name of ["SIGINT", "SIGHUP"]) process.on(name, () => undefined);
process.once("disconnect", () => process.exit());
