import type { KeyRecord } from "../../../../packages/once-again/src/stores/store.ts";

/** Everything that can differ between two moments. No part of it is ever changed. */
export interface StepsWorld {
  /** The store's clock. It moves only when a lease ends. */
  readonly now: number;
  readonly record: KeyRecord | undefined;
  readonly workers: readonly StepsWorker[];
  /** Of each step: how often its effect took hold, and the highest fence that it was shown. */
  readonly effects: readonly { readonly times: number; readonly fence: number }[];
}

/** One delivery of the key, in a separate process. */
export interface StepsWorker {
  readonly phase: "absent" | "working" | "ended";
  readonly fence: number;
  /** Whether an earlier attempt may have had effects. */
  readonly abandoned: boolean;
  /** The steps that earlier runs stored, when it got the key. */
  readonly checkpoints: KeyRecord["checkpoints"];
  /** The step that it is at. */
  readonly at: number;
  /** How far that step is: not begun, noted as begun (or looked for), its effect there but not stored. */
  readonly part: "ahead" | "begun" | "done";
  /** Whether it, or a run before it, stored a step. */
  readonly hasStored: boolean;
  /** The final answer to its caller. */
  readonly answer: "done" | "refused" | undefined;
}

const absent: StepsWorker = {
  phase: "absent",
  fence: 0,
  abandoned: false,
  checkpoints: {},
  at: 0,
  part: "ahead",
  hasStored: false,
  answer: undefined,
};

export const startOfSteps = (deliveries: number, steps: number): StepsWorld => ({
  now: 0,
  record: undefined,
  workers: Array.from({ length: deliveries }, () => absent),
  effects: Array.from({ length: steps }, () => ({ times: 0, fence: -1 })),
});

/** The world after one worker changed. */
export function withStepsWorker(world: StepsWorld, index: number, change: Partial<StepsWorker>): StepsWorld {
  const workers = world.workers.map((worker, at) => (at === index ? { ...worker, ...change } : worker));
  return { ...world, workers };
}

/** A delivery that is over: it does nothing any more, and counts by the answer that its caller got. */
export const over = (answer?: StepsWorker["answer"]): StepsWorker => ({ ...absent, phase: "ended", answer });
