// The interface of all budgets. The default of calls, with its numbers, is that of success-budget.ts.

/**
 * How an attempt failed, as far as budgets care: `throttled`, the server turned it away before doing any work;
 * `transient`, anything else that another attempt may get past.
 */
export type FailureKind = "throttled" | "transient";

/**
 * Bounds how many retries all the calls to one place may make together, so that a struggling server does not get more
 * load the worse it does. One budget is shared by every call to that place, and by hedges.
 */
export interface RetryBudget {
  /** Called when a call begins: once per call, however many attempts it makes. */
  onRequest?(): void;
  /** Called after an attempt that failed and that another may get past, before `tryTake`. */
  onFailure?(): void;
  /**
   * Takes what one retry costs. `false`: too little is left, so do not retry.
   *
   * @param kind what the retry is for; default `transient`.
   */
  tryTake(kind?: FailureKind): boolean;
  /**
   * Called when a call succeeded.
   *
   * @param lastRetryKind the kind of failure that its last retry was for; missing when its first attempt succeeded.
   */
  onSuccess(lastRetryKind?: FailureKind): void;
}
