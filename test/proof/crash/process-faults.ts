import process from "node:process";
import { moveClock, trueTime } from "./moved-clock.ts";

/** A signal that a process sends to itself, as `kill` would from outside, at the next event of this name. */
export interface KillPlan {
  readonly signal: "SIGKILL" | "SIGSTOP" | "SIGTERM";
  readonly at: string;
  /** How long after that, milliseconds; 0: before anything else can happen. */
  readonly afterMs: number;
}

/** At the next event of this name, a process shall block its event loop for so long. */
export interface StallPlan {
  readonly stallMs: number;
  readonly at: string;
}

/** A process' clock shall be off by so much. */
export interface ClockPlan {
  readonly clockMs: number;
}

/** A process' report of a stall that is over. */
export interface Stall {
  readonly from: number;
  readonly until: number;
}

/** Takes a kill plan back, and a stall plan. */
export const noKill = "no kill";
export const noStall = "no stall";

/** A process' report that no kill plan will strike it any more. */
export const killTakenBack = "kill taken back";

/**
 * Waits for plans by IPC, one of each kind; what it returns is called at each event. The end of the parent ends us, too.
 */
export function obeyFaultPlans(): (event: string) => void {
  let kill: KillPlan | undefined;
  let striking: NodeJS.Timeout | undefined;
  let stall: StallPlan | undefined;
  process.on("message", (message: KillPlan | StallPlan | ClockPlan | typeof noKill | typeof noStall) => {
    if (message === noKill) {
      kill = undefined;
      clearTimeout(striking);
      process.send?.(killTakenBack);
    } else if (message === noStall) stall = undefined;
    else if ("clockMs" in message) moveClock(message.clockMs);
    else if ("stallMs" in message) stall = message;
    else kill = message;
  });
  process.once("disconnect", () => process.exit());
  return (event) => {
    if (stall?.at === event) {
      const { stallMs } = stall;
      stall = undefined;
      blockEventLoop(stallMs);
    }
    if (kill?.at !== event) return;
    const { afterMs, signal } = kill;
    kill = undefined;
    const meet = (): boolean => process.kill(process.pid, signal);
    if (afterMs === 0) meet();
    else striking = setTimeout(meet, afterMs);
  };
}

/** Blocks the event loop, as a long computation does. */
function blockEventLoop(ms: number): void {
  const from = trueTime();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  process.send?.({ from, until: trueTime() } satisfies Stall);
}
