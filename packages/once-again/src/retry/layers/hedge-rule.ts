import { checkNames } from "../../core/option-names.ts";
import { checkNumber } from "../../core/options.ts";
import { recentValues } from "./recent-values.ts";

/** When, and how often, a further call is sent beside a slow one. */
export interface HedgeRule {
  readonly hedgesMax: number;
  /** How long a call may take by itself, in milliseconds; `undefined`: it is not hedged. */
  delayMs(): number | undefined;
  /** Records how long a call took that succeeded, hedged or not. */
  recordLatency(latencyMs: number): void;
}

const latenciesMin = 20;
const latenciesMax = 100;

/**
 * The rule of a hedge, without the calls.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function hedgeRule(options: {
  readonly delayMs: number | "p95";
  readonly hedgesMax?: number | undefined;
}): HedgeRule {
  checkNames("hedge", options, { delayMs: true, hedgesMax: true, budget: true, isFailure: "function", clock: true });
  const hedgesMax = checkNumber("hedgesMax", options.hedgesMax ?? 1, { min: 1, max: 10, integer: true });
  if (options.delayMs !== "p95") {
    const delayMs = checkNumber("delayMs", options.delayMs, { min: 0 });
    return { hedgesMax, delayMs: () => delayMs, recordLatency: () => {} };
  }
  const latencies = recentValues(latenciesMax);
  return {
    hedgesMax,
    delayMs: () => (latencies.size < latenciesMin ? undefined : latencies.quantile(0.95)),
    recordLatency: (latencyMs) => latencies.add(latencyMs),
  };
}
