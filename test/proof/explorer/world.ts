import type { Outcome, WorkResult } from "../../../packages/once-again/src/engine/engine.ts";
import type { KeyRecord } from "../../../packages/once-again/src/stores/store.ts";
import type { Operation } from "../../../packages/once-again/src/stores/transition.ts";

/** Everything that can differ between two moments of an exploration. No part of it is ever changed. */
export interface World {
  /** The store's clock. It moves only when a lease, or a quiet time, ends. */
  readonly now: number;
  readonly record: KeyRecord | undefined;
  readonly workers: readonly Worker[];
  /** A call to the store that its sender has given up, and that may still arrive. */
  readonly late: { readonly from: number; readonly operation: Operation } | undefined;
  readonly effects: Effects;
  /** Whether the store has lost what it had acknowledged. */
  readonly lost: boolean;
}

/** The effects outside: the thing that must happen once. */
export interface Effects {
  /** The workers that had an effect, in order. */
  readonly by: readonly number[];
  /** The highest fence that an effect showed. */
  readonly fence: number;
}

/** One delivery of the key, in a separate process. */
export interface Worker {
  readonly phase: "absent" | "calling" | "working" | "committing" | "ended" | "crashed";
  /** The call to the store that it waits for, in phase `calling`. */
  readonly call?: "claim" | "settle" | "inspect" | "take-back";
  readonly fence?: number;
  /** Whether an earlier attempt may have had effects. */
  readonly abandoned?: boolean;
  /** Whether it has looked for the earlier attempt's effect and found none. */
  readonly looked?: boolean;
  /** The worker that had the effect which its own call caused, or found. */
  readonly effect?: number;
  readonly ended?: WorkResult;
  /** Until when it holds its lease, as far as it knows; only where it matters, to a handler that may be alive later. */
  readonly until?: number;
  /** Whether its handler is at work although its operation was answered, by other code or with a failure. */
  readonly worksOn?: boolean;
  /** The answer to its caller; missing when there is no definite one (a 503, a crash). */
  readonly outcome?: Outcome;
}

/** The answer of a handler that failed. Every other answer is the number of the worker that had the effect. */
export const failure = 255;

export const start = (deliveries: number): World => ({
  now: 0,
  record: undefined,
  workers: Array.from({ length: deliveries }, () => ({ phase: "absent" })),
  late: undefined,
  effects: { by: [], fence: -1 },
  lost: false,
});

export function withWorker(world: World, index: number, worker: Worker): World {
  return { ...world, workers: world.workers.map((old, at) => (at === index ? worker : old)) };
}
