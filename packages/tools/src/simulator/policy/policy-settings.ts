import type { BackoffSettings, BudgetSettings, JitterName, PolicyOptions } from "./policy-options.ts";

/** A backoff with an explicit jitter, unless it has its own. */
export type JitteredBackoff =
  | (Exclude<BackoffSettings, { kind: "decorrelated" }> & { readonly jitter: JitterName })
  | Extract<BackoffSettings, { kind: "decorrelated" }>;

/** A policy with its defaults filled in; what is off is missing. */
export type PolicySettings = PolicyOptions & {
  readonly name: string;
  readonly attemptsMax: number;
  readonly attemptTimeoutMs: number;
  readonly backoff: JitteredBackoff;
  readonly budget: BudgetSettings;
};
