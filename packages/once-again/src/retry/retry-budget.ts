/**
 * What an attempt failed with, as far as budgets care: `throttled`, the server turned it away before doing any work;
 * `transient`, anything else that another attempt may get past.
 */
export type FailureKind = "throttled" | "transient";

/**
 * Bounds how many retries all the calls to one place may make together, so that a struggling server does not get more
 * load the worse it does. One budget is shared by every call to that place, and by hedges.
 */
export interface RetryBudget {
  /** Hears of a call that begins: once per call, whatever number of attempts it makes. */
  onRequest?(): void;
  /** Hears of an attempt that failed and that another may get past, before it is asked for a retry. */
  onFailure?(): void;
  /**
   * Takes what one retry costs. `false`: too little is left, so do not retry.
   *
   * @param kind what the retry is for; default `transient`.
   */
  tryTake(kind?: FailureKind): boolean;
  /**
   * Hears of a call that succeeded.
   *
   * @param lastRetryKind what its last retry was taken for; missing when its first attempt succeeded.
   */
  onSuccess(lastRetryKind?: FailureKind): void;
}
