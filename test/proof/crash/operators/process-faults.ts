import { setTimeout } from "node:timers/promises";
import { type Random, uniform } from "../../../../packages/once-again/src/core/random.ts";
import { deploy } from "../courses.ts";
import type { Targets } from "../targets.ts";
import { faultMs, type OperatorAction } from "./operator-action.ts";

const hourMs = 3_600_000;

/** How often processes are asked to stall. */
const stallTriesMax = 3;

/** The faults of API processes, beside their deaths. */
export function processFaults(
  { apis, leaseMs }: Targets,
  onStuck: (problem: string) => void,
): Record<string, OperatorAction> {
  const anyOf = <Item>(random: Random, items: readonly Item[]): Item =>
    items[Math.floor(uniform(random, 0, items.length))]!;
  return {
    "rolling-restart": () => deploy(apis, onStuck),
    /** Each in the midst of an operation, for longer than its lease. */
    async "stalled-event-loop"(random) {
      const ms = uniform(random, 1.2, 2) * leaseMs;
      // A slow machine may grant no key for a while, so all are asked, and asked again.
      for (let tries = 0; tries < stallTriesMax; tries += 1) {
        const stalls = await Promise.all(apis.map((api) => api.stall(ms, "granted")));
        const lives = stalls.flatMap((stall) => stall?.life ?? []);
        if (lives.length > 0) return lives;
      }
      return [];
    },
    /** Each is an hour off for a while, or right; then all are right again. */
    async "moved-clocks"(random) {
      const lives = apis.flatMap((api) => api.moveClock(anyOf(random, [-hourMs, hourMs])) ?? []);
      await setTimeout(uniform(random, ...faultMs));
      for (const api of apis) api.moveClock(0);
      return lives;
    },
  };
}
