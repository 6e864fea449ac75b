import type { Load } from "./storm-result.ts";

/** Counts the load over time, step by step. */
export class LoadRecord {
  readonly #stepMs: number;
  readonly #offered: Float64Array;
  readonly #attempts: Float64Array;
  readonly #goodput: Float64Array;
  readonly #queue: Float64Array;
  #waiting = 0;
  /** The step that `queue` is known up to. */
  #queueStep = 0;

  constructor(durationMs: number, stepMs: number) {
    // An event at the very end of the time counts to an extra step.
    const steps = Math.floor(durationMs / stepMs) + 1;
    this.#stepMs = stepMs;
    [this.#offered, this.#attempts] = [new Float64Array(steps), new Float64Array(steps)];
    [this.#goodput, this.#queue] = [new Float64Array(steps), new Float64Array(steps)];
  }

  countOffered(atMs: number): void {
    this.#offered[Math.floor(atMs / this.#stepMs)]! += 1;
  }

  countSent(atMs: number): void {
    this.#attempts[Math.floor(atMs / this.#stepMs)]! += 1;
  }

  countSuccess(atMs: number): void {
    this.#goodput[Math.floor(atMs / this.#stepMs)]! += 1;
  }

  noteQueue(atMs: number, waiting: number): void {
    this.#carryOn(Math.floor(atMs / this.#stepMs));
    this.#waiting = waiting;
    this.#queue[this.#queueStep] = Math.max(this.#queue[this.#queueStep]!, waiting);
  }

  /** The load up to `endMs`; its last step may be a short one. */
  until(endMs: number): Load {
    const steps = Math.max(1, Math.ceil(endMs / this.#stepMs));
    this.#carryOn(steps - 1);
    const perSecond = (counts: Float64Array): number[] =>
      Array.from(counts.subarray(0, steps), (count) => (count * 1000) / this.#stepMs);
    return {
      stepMs: this.#stepMs,
      offeredPerSecond: perSecond(this.#offered),
      attemptsPerSecond: perSecond(this.#attempts),
      goodputPerSecond: perSecond(this.#goodput),
      queue: Array.from(this.#queue.subarray(0, steps)),
    };
  }

  /** The calls that wait go on waiting from step to step. */
  #carryOn(step: number): void {
    if (step <= this.#queueStep) return;
    this.#queue.fill(this.#waiting, this.#queueStep + 1, step + 1);
    this.#queueStep = step;
  }
}
