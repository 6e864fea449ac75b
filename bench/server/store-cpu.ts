import { readdirSync, readFileSync } from "node:fs";

/** The processor time of each thread of a process and of its children, nanoseconds. */
export type ThreadTimes = ReadonlyMap<string, number>;

/** Reads the times of a server that has many processes, such as PostgreSQL, or many threads. Linux only. */
export function threadTimes(pid: number): ThreadTimes {
  const times = new Map<string, number>();
  for (const process of processesOf(String(pid))) {
    for (const thread of namesIn(`/proc/${process}/task`)) {
      const [nanoseconds] = textOf(`/proc/${process}/task/${thread}/schedstat`).split(" ");
      if (nanoseconds) times.set(thread, Number(nanoseconds));
    }
  }
  return times;
}

/** The time spent since, in microseconds, without threads that have ended since. */
export function spentSince(before: ThreadTimes, after: ThreadTimes): number {
  let nanoseconds = 0;
  for (const [thread, time] of after) nanoseconds += time - (before.get(thread) ?? 0);
  return nanoseconds / 1000;
}

function processesOf(pid: string): string[] {
  const children = namesIn(`/proc/${pid}/task`).flatMap((thread) =>
    textOf(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean),
  );
  return [pid, ...children.flatMap(processesOf)];
}

/** Nothing of a process that has ended in the meantime. */
const namesIn = (folder: string): string[] => endedOr(() => readdirSync(folder), []);
const textOf = (file: string): string => endedOr(() => readFileSync(file, "utf8"), "");

function endedOr<Value>(read: () => Value, ended: Value): Value {
  try {
    return read();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ESRCH") return ended;
    throw error;
  }
}
