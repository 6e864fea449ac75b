import type { Clock } from "../../../packages/once-again/src/core/clock.ts";
import type { Scheduler } from "./scheduler.ts";

/** A process that can stand still, and die. What it waits for when it dies never comes. */
export interface SimulatedProcess {
  readonly name: string;
  /** Its own clock: its wall time may be off. */
  readonly clock: Clock;
  readonly isAlive: boolean;
  /** Grows with every start. */
  readonly life: number;
  /** Runs `event` in this life after `delayMs`, later if the process stands still then, never if it has died. */
  readonly after: After;
  /** An `after` of the present life: what answers a question that was asked in it must not reach the next one. */
  thisLife(): After;
  standStill(ms: number): void;
  crash(): void;
  start(): void;
}

/** Runs an event after a delay; answers a function that cancels it. */
export type After = (delayMs: number, event: () => void) => () => void;

/** The time at which simulations begin, milliseconds since the epoch. */
export const epochMs = 1_700_000_000_000;

export function simulatedProcess(name: string, scheduler: Scheduler, clockOffMs: number): SimulatedProcess {
  let life = 1;
  let isAlive = true;
  let stillUntilMs = 0;

  const afterIn = (born: number, delayMs: number, event: () => void): (() => void) => {
    let cancel: () => void;
    const arrive = (): void => {
      if (!isAlive || born !== life) return;
      const stillMs = stillUntilMs - scheduler.now;
      if (stillMs > 0) cancel = scheduler.after(stillMs, arrive);
      else event();
    };
    cancel = scheduler.after(delayMs, arrive);
    return () => cancel();
  };
  const after: After = (delayMs, event) => afterIn(life, delayMs, event);
  return {
    name,
    clock: { now: () => epochMs + clockOffMs + scheduler.now, monotonic: () => scheduler.now, timer: after },
    get isAlive() {
      return isAlive;
    },
    get life() {
      return life;
    },
    after,
    thisLife() {
      const born = life;
      return (delayMs, event) => afterIn(born, delayMs, event);
    },
    standStill(ms) {
      stillUntilMs = Math.max(stillUntilMs, scheduler.now + ms);
    },
    crash: () => void (isAlive = false),
    start() {
      life += 1;
      isAlive = true;
      stillUntilMs = 0;
    },
  };
}
