import { InvalidArgumentError } from "commander";
import {
  type BackoffSettings,
  type BudgetSettings,
  type JitterName,
  type Outage,
  type PolicyOptions,
  type PresetName,
  presets,
  type ServiceOptions,
  type StormOptions,
  varyPolicy,
} from "../../simulator/index.ts";
import { readDuration } from "once-again/internal/command";

/** The flags of the command; durations are milliseconds. */
export interface StormFlags {
  readonly preset?: PresetName | "contention" | "budgets";
  readonly callers?: number;
  readonly within?: number;
  readonly rate?: number;
  readonly think?: number;
  readonly duration?: number;
  readonly capacity?: number;
  readonly workers?: number;
  readonly queue?: number;
  readonly queueTimeout?: number;
  readonly retryAfter?: Pick<ServiceOptions, "retryAfter" | "retryAfterMs">;
  readonly errors?: number;
  readonly layers?: number;
  readonly outage?: readonly Outage[];
  readonly delay?: number;
  readonly spread?: number;
  readonly loss?: number;
  readonly attempts?: number;
  readonly timeout?: number;
  readonly deadline?: number;
  readonly backoff?: BackoffSettings["kind"];
  readonly base?: number;
  readonly cap?: number;
  readonly jitter?: JitterName;
  readonly budget?: BudgetSettings["kind"];
  readonly breaker?: boolean;
  readonly throttle?: boolean;
  readonly limit?: number;
  readonly hedge?: number | "p95";
  readonly processes?: number;
  readonly step?: number;
  readonly compare?: readonly string[];
  readonly seed?: number;
  readonly trials?: number;
  readonly svg?: string;
  readonly html?: string;
  readonly json?: boolean;
}

/** The storms to simulate. */
export function readStorms(flags: StormFlags): readonly StormOptions[] {
  const { preset, compare } = flags;
  if (preset === "contention" || preset === "budgets") return [];
  const given = preset === undefined ? [{}] : presets[preset].storms;
  const storms = given.map((storm) => applyFlags(storm, flags));
  if (compare === undefined) return storms;
  const [first] = storms as [StormOptions];
  return compare.map((name) => ({ ...first, policy: varyPolicy(first.policy ?? {}, name) }));
}

/** The storm with what the flags say otherwise. */
function applyFlags(storm: StormOptions, flags: StormFlags): StormOptions {
  const { delay, duration, loss, outage, processes, seed, spread, step } = flags;
  const arrivals = readArrivals(storm, flags);
  return {
    ...storm,
    ...(seed !== undefined && { seed }),
    ...(duration !== undefined && { durationMs: duration }),
    ...(arrivals !== undefined && { arrivals }),
    ...(outage !== undefined && { outages: outage }),
    ...(processes !== undefined && { processes }),
    ...(step !== undefined && { stepMs: step }),
    network: {
      ...storm.network,
      ...(delay !== undefined && { delayMs: delay }),
      ...(spread !== undefined && { spreadMs: spread }),
      ...(loss !== undefined && { lossRatio: loss }),
    },
    services: readServices(storm, flags),
    policy: readPolicy(storm.policy, flags),
  };
}

function readArrivals(
  { arrivals }: StormOptions,
  { callers, rate, think, within }: StormFlags,
): StormOptions["arrivals"] | undefined {
  if (rate !== undefined) return { kind: "poisson", perSecond: rate };
  if (arrivals?.kind === "poisson" && callers === undefined) return arrivals;
  const before = arrivals === undefined || arrivals.kind === "poisson" ? { callers: 1000 } : arrivals;
  if (think !== undefined) return { kind: "closed", callers: callers ?? before.callers, thinkMs: think };
  const withinMs = within ?? ("withinMs" in before ? before.withinMs : undefined) ?? 0;
  return { kind: "at-once", callers: callers ?? before.callers, withinMs };
}

function readServices(storm: StormOptions, flags: StormFlags): NonNullable<StormOptions["services"]> {
  const { capacity, errors, layers, queue, queueTimeout, retryAfter, workers } = flags;
  const before = storm.services ?? [{}];
  const last = before.at(-1) ?? {};
  const service = {
    ...last,
    ...(workers !== undefined && { workers }),
    ...(capacity !== undefined && { serviceMs: ((workers ?? last.workers ?? 1) * 1000) / capacity }),
    ...(queue !== undefined && { queueMax: queue }),
    ...(queueTimeout !== undefined && { queueTimeoutMs: queueTimeout }),
    ...retryAfter,
    ...(errors !== undefined && { errorRatio: errors }),
  };
  if (layers === undefined) return [...before.slice(0, -1), service];
  // The services in the middle only pass requests on.
  return [...Array.from({ length: layers - 1 }, () => ({ serviceMs: 0 })), service];
}

function readPolicy(before: PolicyOptions = {}, flags: StormFlags): PolicyOptions {
  const { attempts, breaker, budget, deadline, hedge, limit, throttle, timeout } = flags;
  const backoff = readBackoff(before.backoff, flags);
  return {
    ...before,
    ...(attempts !== undefined && { attemptsMax: attempts }),
    ...(timeout !== undefined && { attemptTimeoutMs: timeout }),
    ...(deadline !== undefined && { timeoutMs: deadline }),
    ...(backoff !== undefined && { backoff }),
    ...(budget !== undefined && { budget: { kind: budget } }),
    ...(breaker && { circuitBreaker: {} }),
    ...(throttle && { adaptiveThrottle: {} }),
    ...(limit !== undefined && { concurrencyLimit: { runningMax: limit } }),
    ...(hedge !== undefined && { hedge: { delayMs: hedge } }),
  };
}

function readBackoff(before: BackoffSettings | undefined, flags: StormFlags): BackoffSettings | undefined {
  const { backoff, base, cap, jitter } = flags;
  if (backoff === undefined && base === undefined && cap === undefined && jitter === undefined) return before;
  const kind = backoff ?? before?.kind ?? "exponential";
  const spread = jitter === undefined ? {} : { jitter };
  const options = before?.kind === kind ? before : {};
  if (kind === "constant")
    return { delayMs: 1000, ...options, ...(base !== undefined && { delayMs: base }), kind, ...spread };
  const range = { ...(base !== undefined && { baseMs: base }), ...(cap !== undefined && { capMs: cap }) };
  if (kind === "decorrelated") return { ...options, kind, ...range };
  return { ...options, kind, ...range, ...spread };
}

/** Reads `60s-70s`, `60s-70s:hold`, `60s-70s:shed`; several times with commas between them. */
export function parseOutages(text: string): readonly Outage[] {
  return text.split(",").map((one) => {
    const match = /^([\d.]+(?:ms|s|m)?)-([\d.]+(?:ms|s|m)?)(?::(hold|refuse|shed))?$/.exec(one);
    if (match === null) throw new InvalidArgumentError("It must be like 60s-70s, 60s-70s:hold or 60s-70s:shed.");
    const [, from, to, kind] = match as unknown as [string, string, string, Outage["kind"] | undefined];
    return { fromMs: parseDuration(from), toMs: parseDuration(to), ...(kind !== undefined && { kind }) };
  });
}

/** Reads `1s`, which all 503s say, or `1s:spread`, from which on each says another time. */
export function parseRetryAfter(text: string): Pick<ServiceOptions, "retryAfter" | "retryAfterMs"> {
  const [time = "", ...kinds] = text.split(":");
  const [kind] = kinds;
  if (kinds.length > 1 || (kind !== undefined && kind !== "constant" && kind !== "spread")) {
    throw new InvalidArgumentError("It must be like 1s, or 1s:spread.");
  }
  return { retryAfterMs: parseDuration(time), ...(kind !== undefined && { retryAfter: kind }) };
}

/** Reads `250ms`, `10s`, `5m`; a number alone is seconds. */
export function parseDuration(text: string): number {
  const ms = readDuration(/^[\d.]+$/.test(text) ? `${text}s` : text);
  if (ms === undefined) throw new InvalidArgumentError("It must be like 250ms, 10s or 5m.");
  return ms;
}

/** Reads a number within bounds. */
export const numberBetween =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
  };

export const parseHedgeDelay = (text: string): number | "p95" => (text === "p95" ? text : parseDuration(text));
