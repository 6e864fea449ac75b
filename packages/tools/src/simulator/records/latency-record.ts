import type { Latency } from "./storm-result.ts";

/** How much longer the latencies of one class are than those of the class before. */
const ratio = 1.02;
/** Up to 1.02^1,200 ms, over 200 days. Class 0 is below a millisecond. */
const classes = 1200;

/** Counts latencies in classes that grow with them: a million cost no more than ten. */
export class LatencyRecord {
  readonly #counts = new Float64Array(classes);
  #total = 0;
  #maxMs = 0;

  add(latencyMs: number): void {
    const index = latencyMs < 1 ? 0 : Math.min(classes - 1, 1 + Math.floor(Math.log(latencyMs) / Math.log(ratio)));
    this.#counts[index]! += 1;
    this.#total += 1;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  get latency(): Latency {
    const isEmpty = this.#total === 0;
    return {
      p50Ms: isEmpty ? null : this.#quantile(0.5),
      p95Ms: isEmpty ? null : this.#quantile(0.95),
      p99Ms: isEmpty ? null : this.#quantile(0.99),
      maxMs: isEmpty ? null : this.#maxMs,
    };
  }

  /** The upper end of the class that holds the nearest rank. */
  #quantile(share: number): number {
    let left = Math.ceil(share * this.#total);
    const index = this.#counts.findIndex((count) => (left -= count) <= 0);
    return Math.min(this.#maxMs, ratio ** index);
  }
}
