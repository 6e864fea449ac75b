import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Death, Pause } from "./evidence.ts";
import {
  type ClockPlan,
  killTakenBack,
  type KillPlan,
  noKill,
  noStall,
  type Stall,
  type StallPlan,
} from "./process-faults.ts";

/** Where a process shall be struck; missing: anywhere, from outside. */
export type Point = Omit<KillPlan, "signal"> | undefined;

/** A process that is killed, comes back, and stands still; and what it went through. */
export interface KillableProcess extends AsyncDisposable {
  readonly deaths: readonly Death[];
  readonly pauses: readonly Pause[];
  /** The errors with which it ended unasked, before its work was over. */
  readonly failures: readonly string[];
  /** The name of the life that it lives, if it does. */
  readonly life: string | undefined;
  /** Starts its next life, unless it lives, and waits until it says that it is ready, or ends. */
  start(): Promise<void>;
  /** Kills it (SIGKILL), if it lives; from outside, if it does not come to the point in time. */
  kill(at?: Point): Promise<void>;
  /** Has it stand still (SIGSTOP) for so long, milliseconds; likewise. */
  pause(ms: number, at?: Point): Promise<void>;
  /**
   * Has it block its event loop for so long, milliseconds, at the next event of this name; resolves when that is over.
   * `undefined`: it did not come to the event in time.
   */
  stall(ms: number, at: string): Promise<Pause | undefined>;
  /** Moves its clock off the right time, milliseconds. Returns the life that it was moved in, if it lives. */
  moveClock(byMs: number): string | undefined;
  /**
   * Asks it to end (SIGTERM), if it lives, and resolves when it has ended, or so long later, milliseconds; from outside, if it
   * does not come to the point in time.
   */
  stop(msMax: number, at?: Point): Promise<void>;
  /** Resolves when it has ended, or so long later, milliseconds. */
  ended(msMax: number): Promise<void>;
}

/** They end with us, also where we are ended. */
const living = new Set<ChildProcess>();
process.once("exit", () => living.forEach((child) => child.kill("SIGKILL")));

/** How much of what a process says on stderr is known when it fails, characters. */
const wordsMax = 4000;

/** How long a process may take to come to a point, milliseconds. */
const fateMsMax = 10_000;

/**
 * @param program a file, from the folder of this one.
 * @param taskOf its argument, by the name of its life.
 */
export function killableProcess(name: string, program: string, taskOf: (life: string) => object): KillableProcess {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const deaths: Death[] = [];
  const pauses: Pause[] = [];
  const failures: string[] = [];
  let lives = 0;
  let child: ChildProcess | undefined;
  let exited: Promise<unknown> = Promise.resolve();

  const ended = async (msMax: number): Promise<void> => Promise.race([exited.then(() => undefined), pauseOf(msMax)]);
  const lifeOf = (number: number): string => `${name}.${number}`;
  const meet = (signal: KillPlan["signal"], at: Point): boolean =>
    at !== undefined && sendPlan(child, { signal, ...at } satisfies KillPlan);

  const kill = async (at?: Point): Promise<void> => {
    if (meet("SIGKILL", at)) await ended(fateMsMax);
    child?.kill("SIGKILL");
    await exited;
  };
  return {
    deaths,
    pauses,
    failures,
    get life() {
      return child === undefined ? undefined : lifeOf(lives);
    },
    async start() {
      if (child !== undefined) return;
      const life = lifeOf((lives += 1));
      const born = fork(path, [JSON.stringify(taskOf(life))], {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        execArgv: ["--disable-warning=ExperimentalWarning"],
      });
      let lastWords = "";
      born.stderr!.setEncoding("utf8").on("data", (text: string) => (lastWords = (lastWords + text).slice(-wordsMax)));
      child = born;
      living.add(born);
      // It has ended, and all that it said has been read.
      exited = once(born, "close").then(([code, signal]) => {
        if (signal === "SIGKILL") deaths.push({ life, at: Date.now() });
        else if (code !== 0 && signal !== "SIGTERM")
          failures.push(`${life} ended by itself (${code ?? signal}): ${lastWords}`);
        living.delete(born);
        child = undefined;
      });
      await Promise.race([once(born, "message"), exited]);
    },
    kill,
    async pause(ms, at) {
      const planned = meet("SIGSTOP", at) ? child : undefined;
      const isMissed = planned !== undefined && !(await stopped(() => child));
      const pausing = child;
      if (pausing === undefined) return;
      pausing.kill("SIGSTOP");
      const from = Date.now();
      await setTimeout(ms);
      pauses.push({ life: lifeOf(lives), from, until: Date.now() });
      pausing.kill("SIGCONT");
      if (isMissed) await takeBack(planned);
    },
    async stall(ms, at) {
      const stalling = child;
      if (stalling?.connected !== true) return undefined;
      const life = lifeOf(lives);
      const reported = messageOf(stalling, (message) => typeof message === "object").then((stall) => ({
        life,
        ...(stall as Stall),
      }));
      sendPlan(stalling, { stallMs: ms, at } satisfies StallPlan);
      const stalled = (await Promise.race([reported, ended(fateMsMax)])) ?? undefined;
      if (stalled === undefined) sendPlan(stalling, noStall);
      return stalled;
    },
    moveClock(byMs) {
      return sendPlan(child, { clockMs: byMs } satisfies ClockPlan) ? lifeOf(lives) : undefined;
    },
    async stop(msMax, at) {
      if (meet("SIGTERM", at)) await ended(fateMsMax);
      child?.kill("SIGTERM");
      await ended(msMax);
    },
    ended,
    [Symbol.asyncDispose]: () => kill(),
  };
}

/** Whether a process is there for a plan. One that was killed a moment ago gets none, which is no error of the run. */
const sendPlan = (child: ChildProcess | undefined, plan: object | string): boolean =>
  // Without a callback a broken pipe would be an "error" of the process.
  child?.connected === true && child.send(plan, () => undefined);

/** A wait that keeps nothing alive. */
const pauseOf = (ms: number): Promise<void> => setTimeout(ms, undefined, { ref: false });

/** Waits until a process stands still or has ended: `false` when it does not come to the point in time. */
async function stopped(child: () => ChildProcess | undefined): Promise<boolean> {
  const endsAt = performance.now() + fateMsMax;
  while (performance.now() < endsAt) {
    const pid = child()?.pid;
    const state = pid === undefined ? undefined : stateOf(pid);
    if (state === undefined || state === "T") return true;
    await setTimeout(20);
  }
  return false;
}

/**
 * Takes back the plan that a process stands still. It may come to the point before it reads that, and goes on then. One of
 * another version may never report.
 */
async function takeBack(planned: ChildProcess): Promise<void> {
  const reported = messageOf(planned, (message) => message === killTakenBack);
  sendPlan(planned, noKill);
  const endsAt = performance.now() + fateMsMax;
  while (planned.connected && performance.now() < endsAt) {
    planned.kill("SIGCONT");
    if ((await Promise.race([reported, setTimeout(20)])) !== undefined) return;
  }
}

/** The next message of a process that is such a one. */
function messageOf(child: ChildProcess, isSuch: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve) => {
    const read = (message: unknown): void => {
      if (!isSuch(message)) return;
      child.off("message", read);
      resolve(message);
    };
    child.on("message", read);
  });
}

/** The state of a process: T is stopped; `undefined` when it has ended. */
export function stateOf(pid: number): string | undefined {
  try {
    // It stands behind its name, which may have any sign in it (proc_pid_stat(5)).
    return /.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch (error) {
    // It ended between two looks: of one that ends while the file is read, ESRCH.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
