import type {
  AdaptiveThrottleOptions,
  AwsBudgetOptions,
  CircuitBreakerOptions,
  ConcurrencyLimitOptions,
  FinagleBudgetOptions,
} from "once-again/internal";

/** How a delay is spread, by the name of the jitter: `fullJitter`, `equalJitter`, `boundedJitter` or `noJitter`. */
export type JitterName = "full" | "equal" | "bounded" | "none";

/** A backoff as data. Delays mean what they mean in `once-again`, in milliseconds, with the same defaults and bounds. */
export type BackoffSettings =
  | {
      readonly kind: "exponential" | "linear" | "fibonacci";
      readonly baseMs?: number;
      readonly capMs?: number;
      /** Of the exponential one only; default 2. */
      readonly factor?: number;
      /** Default `equal`. */
      readonly jitter?: JitterName;
      /** How far bounded jitter goes to either side; default 0.25. */
      readonly jitterRatio?: number;
    }
  | {
      readonly kind: "constant";
      readonly delayMs: number;
      readonly jitter?: JitterName;
      readonly jitterRatio?: number;
    }
  | { readonly kind: "decorrelated"; readonly baseMs?: number; readonly capMs?: number };

/** A retry budget as data: `success` is `successBudget`, and so on; `none` makes retries free. */
export type BudgetSettings =
  | { readonly kind: "none" }
  | { readonly kind: "success"; readonly tokensPerSuccess?: number; readonly capacity?: number }
  | { readonly kind: "grpc"; readonly tokensMax?: number; readonly tokenRatio?: number }
  | ({ readonly kind: "aws" } & AwsBudgetOptions)
  | ({ readonly kind: "finagle" } & Omit<FinagleBudgetOptions, "clock">);

/**
 * How calls are made and made again, as data: what a page or a command line can send. Every number means what it means
 * in `once-again`, and drives the same code. Layers stand in the order circuit breaker, throttle, concurrency limit,
 * hedge, from outside in.
 */
export interface PolicyOptions {
  /** The policy's name in a comparison; default a short description of it. At most 60 characters. */
  readonly name?: string;
  /** The most attempts of one call: a whole number from 1 to 1,000, default 5. 1: no retries. */
  readonly attemptsMax?: number;
  /** How long one attempt may take, in milliseconds: 1 to 3,600,000, default 1,000. */
  readonly attemptTimeoutMs?: number;
  /** How long the whole call may take, waits included, in milliseconds: 1 to 86,400,000, default none. */
  readonly timeoutMs?: number;
  /** How long to wait before a retry; default exponential: up to 1, 2, 4, 8 s with equal jitter. */
  readonly backoff?: BackoffSettings;
  /** How retries and hedges are paid for; default `{ kind: "success" }`. */
  readonly budget?: BudgetSettings;
  /** Default none. */
  readonly circuitBreaker?: Omit<CircuitBreakerOptions, "clock" | "failed">;
  /** Default none. */
  readonly adaptiveThrottle?: Omit<AdaptiveThrottleOptions, "clock" | "failed" | "random">;
  /** Default none. */
  readonly concurrencyLimit?: ConcurrencyLimitOptions;
  /** Default none. */
  readonly hedge?: { readonly delayMs: number | "p95"; readonly hedgesMax?: number };
}
