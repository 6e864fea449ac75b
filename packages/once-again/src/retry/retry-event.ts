/**
 * Why no further attempt is made: the limit that was reached, or the `why` of a decision to stop
 * (`retryingFetch` says `unsafe`, `permanent`, `condition`, `replayed`, `nested` or `gave-up`).
 */
export type DenialReason = "attempts" | "deadline" | "budget" | (string & {});

/**
 * The events of a call of `retry`, in order. After `attempt-failed` comes `retry-scheduled` or `retry-denied`, and
 * every call ends with exactly one of `succeeded` and `gave-up`. Attempts are numbered from 1, times are milliseconds.
 */
export type RetryEvent =
  | { readonly type: "attempt-started"; readonly attempt: number }
  /** `error` is missing when the attempt ended with a value that the decision did not take as the result. */
  | { readonly type: "attempt-failed"; readonly attempt: number; readonly error?: unknown }
  | {
      readonly type: "retry-scheduled";
      readonly attempt: number;
      readonly delayMs: number;
      readonly why: string | undefined;
    }
  | { readonly type: "retry-denied"; readonly attempt: number; readonly why: DenialReason }
  | { readonly type: "succeeded"; readonly attempts: number; readonly elapsedMs: number }
  /** `why` is that of `retry-denied`, or `aborted`, or `fault` when an option's function threw. */
  | {
      readonly type: "gave-up";
      readonly attempts: number;
      readonly elapsedMs: number;
      readonly why: DenialReason | "aborted" | "fault";
    };
