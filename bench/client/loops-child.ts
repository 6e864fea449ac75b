/** `loops-child.ts`: the retry loops, in a process without garbage collection while bytes are counted. */
import process from "node:process";
import { type Loop, loops, type Operation } from "./loops.ts";

/** The cost of one call. A figure that a library has not is missing. */
export interface LoopFigures {
  successNanoseconds: number;
  successBytes: number;
  failuresNanoseconds: number;
  failuresBytes: number;
}

const countedCalls = 1000;
/** So many calls at once, so that a library that waits on a timer is not charged with the timer's millisecond. */
const together = 1000;

const succeed: Operation = async () => 1;
const failure = new Error("of three");
function failThrice(): Operation {
  let left = 3;
  return async () => {
    if (left === 0) return 1;
    left -= 1;
    throw failure;
  };
}

const inTurn =
  (made: () => Promise<number>) =>
  async (calls: number): Promise<void> => {
    for (let call = 0; call < calls; call += 1) await made();
  };

const atOnce =
  (made: () => Promise<number>) =>
  async (calls: number): Promise<void> => {
    for (let call = 0; call < calls; call += together) await Promise.all(Array.from({ length: together }, made));
  };

/** Processor time of this thread for one call, so that what else the machine does counts little. */
async function nanosecondsOf(run: (calls: number) => Promise<void>, milliseconds: number): Promise<number> {
  const before = process.threadCpuUsage();
  const endsAt = performance.now() + milliseconds;
  let calls = 0;
  for (; performance.now() < endsAt; calls += 5000) await run(5000);
  const { user, system } = process.threadCpuUsage(before);
  return ((user + system) * 1000) / calls;
}

async function bytesOf(run: (calls: number) => Promise<void>): Promise<number> {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await run(countedCalls);
  return (process.memoryUsage().heapUsed - before) / countedCalls;
}

const runners = new Map(
  loops.map(({ name, run, retry }: Loop) => [
    name,
    { success: inTurn(() => run(succeed)), failures: retry && atOnce(() => retry(failThrice())) },
  ]),
);

async function measure(name: string, milliseconds: number): Promise<LoopFigures> {
  const { success, failures } = runners.get(name)!;
  return {
    successNanoseconds: await nanosecondsOf(success, milliseconds),
    successBytes: await bytesOf(success),
    failuresNanoseconds: failures === undefined ? Number.NaN : await nanosecondsOf(failures, milliseconds),
    failuresBytes: failures === undefined ? Number.NaN : await bytesOf(failures),
  };
}

process.on("message", ({ name, milliseconds }: { name: string; milliseconds: number }) => {
  measure(name, milliseconds).then(
    (figures) => process.send?.(figures),
    (error: unknown) => process.send?.({ fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
