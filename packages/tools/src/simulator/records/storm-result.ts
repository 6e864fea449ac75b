import type { StormSettings } from "../storm-settings.ts";

/** The result of a storm. Plain JSON data: times are milliseconds from the start, shares are 0 to 1. */
export interface StormResult {
  /** The options, with every default filled in. */
  readonly settings: StormSettings;
  /** The policy's name, or its description. */
  readonly name: string;
  /** The callers' policy as TypeScript to paste into a program. */
  readonly code: string;
  /** When the last call had ended, or else the end of the simulated time. */
  readonly endMs: number;
  /** How many events were simulated. */
  readonly events: number;
  readonly calls: CallCounts;
  readonly attempts: AttemptCounts;
  /** How many requests reached the last service for each call that began; 1 without retries and losses. */
  readonly amplification: number;
  /** Calls that succeeded, per second of the whole time. */
  readonly goodputPerSecond: number;
  /** The share of the last service's finished work that was of no use: its caller had given up or hung up. */
  readonly wastedRatio: number;
  readonly latency: Latency;
  readonly recovery: Recovery;
  readonly load: Load;
  readonly herd: Herd;
  /** The counts of each service, in the order of the settings. */
  readonly services: readonly ServiceCounts[];
}

/** The callers' calls. Those that have neither succeeded nor failed were open at the end. */
export interface CallCounts {
  readonly begun: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Why they failed, by what ended them. */
  readonly failedBy: { readonly attempts: number; readonly deadline: number; readonly budget: number };
}

/** The callers' attempts, by what became of them. */
export interface AttemptCounts {
  readonly begun: number;
  /** Of those begun: not the first of their call. */
  readonly retries: number;
  /** Further requests of an attempt that was slow. */
  readonly hedges: number;
  readonly timedOut: number;
  readonly refused: number;
  /** Answered with a 503 because the service was full. */
  readonly shed: number;
  /** Answered with a 500. */
  readonly erred: number;
  /** Held back on the callers' side, so that the service never saw them. */
  readonly heldBack: { readonly circuitBreaker: number; readonly throttle: number; readonly queueFull: number };
}

/** How long the calls that succeeded took, in milliseconds, waits and all, within 2%; `null` when none succeeded. */
export interface Latency {
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/**
 * Whether the service came back after the last outage; without one, after the start. A second is good when its successes
 * are at least 0.9 of the first attempts made in it (of callers who come again and again: of the successes per second
 * before the outage). Below some 50 calls per second chance alone makes seconds bad.
 *
 * - `recovered`: there are five good seconds in a row; `afterMs` is from the outage's end to the first of them.
 * - `draining`: there are none until the end, but the queue was getting shorter: simulate for longer.
 * - `metastable`: there are none until the end, and the queue did not get shorter, although the ten seconds before the outage were good together: what
 *   keeps it down is the retries, not the outage.
 * - `overloaded`: there are none, and it was no better before.
 * - `drained`, when all callers call at once: every call has ended; `afterMs` is from the outage's end to the last
 *   success, or 0 if that came before.
 * - `open`, when all callers call at once: calls are open at the end of the simulated time.
 */
export interface Recovery {
  readonly verdict: "recovered" | "draining" | "metastable" | "overloaded" | "drained" | "open";
  /** `null` where the verdict has none. */
  readonly afterMs: number | null;
}

/** The load over time: entry i of each list is the step from `i * stepMs` on. */
export interface Load {
  readonly stepMs: number;
  /** First attempts of the callers, per second. */
  readonly offeredPerSecond: readonly number[];
  /** Requests that were sent to the last service, per second: first attempts, retries and hedges. */
  readonly attemptsPerSecond: readonly number[];
  /** Calls that succeeded, per second. */
  readonly goodputPerSecond: readonly number[];
  /** The most requests that waited at the last service in the step, those held by an outage among them. */
  readonly queue: readonly number[];
}

/**
 * When some callers made their attempts: the scatter plot of a herd. With `at-once` arrivals they are picked evenly of
 * all, else they are those who called from a second before the first outage on. At most 1,000 callers and 20,000 dots.
 */
export interface Herd {
  readonly callers: number;
  /** For each dot the row, from 0 on, of its caller. */
  readonly caller: readonly number[];
  /** For each dot the attempt's number: 1 is the first. */
  readonly attempt: readonly number[];
  /** For each dot its time. */
  readonly atMs: readonly number[];
}

/** The counts of one service. */
export interface ServiceCounts {
  /** Requests that came to its door. */
  readonly arrived: number;
  /** Requests that a worker finished. */
  readonly served: number;
  /** Of those served: the caller had given up on them already. */
  readonly wasted: number;
  readonly refused: number;
  readonly shed: number;
  /** The most that waited at a time. */
  readonly queuePeak: number;
}
