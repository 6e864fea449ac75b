import type { PolicyOptions } from "./policy/policy-options.ts";

/**
 * When callers call.
 *
 * - `at-once`: `callers` (1 to 1,000,000) make one call each, at moments spread evenly by chance over the first
 *   `withinMs` milliseconds (0 to 3,600,000, default 0: all in the same instant).
 * - `poisson`: calls come at random, `perSecond` on average (0.001 to 1,000,000), whatever happens to those before.
 * - `closed`: `callers` (1 to 1,000,000) each make a call, wait until it has ended, think for `thinkMs` on average
 *   (exponentially distributed, 1 to 3,600,000 milliseconds), and make the next one.
 */
export type Arrivals =
  | { readonly kind: "at-once"; readonly callers: number; readonly withinMs?: number }
  | { readonly kind: "poisson"; readonly perSecond: number }
  | { readonly kind: "closed"; readonly callers: number; readonly thinkMs: number };

/** The network between callers and services. Each message, in either direction, is delayed and may be lost. */
export interface NetworkOptions {
  /** The mean delay of a message, in milliseconds: 0 to 60,000, default 5. */
  readonly delayMs?: number;
  /** Its standard deviation; the delay is |N(delayMs, spreadMs)|: 0 to 60,000, default 1. */
  readonly spreadMs?: number;
  /** The share of messages that are lost without a trace: 0 to 1, default 0. */
  readonly lossRatio?: number;
}

/** A service: workers that take requests from a queue, first come first served. */
export interface ServiceOptions {
  /** How many requests are served at the same time: a whole number from 1 to 10,000, default 1. */
  readonly workers?: number;
  /**
   * How long a worker takes for a request, in milliseconds: 0 to 3,600,000, default 10. The capacity is
   * `1000 * workers / serviceMs` requests per second; 0 makes it endless. Work goes on when its caller has given up.
   */
  readonly serviceMs?: number;
  /** `fixed` (default): always as long; `exponential`: as long on average. */
  readonly serviceTime?: "fixed" | "exponential";
  /** The most requests that wait; more are shed with a 503: a whole number from 0 to 10,000,000, default 10,000,000. */
  readonly queueMax?: number;
  /** Who waited for longer is shed with a 503 when its turn comes, in milliseconds: 1 to 86,400,000, default none. */
  readonly queueTimeoutMs?: number;
  /** The `Retry-After` of those 503s, in milliseconds: 1 to 86,400,000, default none. */
  readonly retryAfterMs?: number;
  /**
   * `constant` (default): all say that time. `spread`: each says another, by chance, and longer the longer an outage lasts, as
   * servers of once-again do: whole seconds from that time on.
   */
  readonly retryAfter?: "constant" | "spread";
  /** The share of requests that are served and then answered with a 500: 0 to 1, default 0. */
  readonly errorRatio?: number;
  /** How it calls the service after it, which it does for every request that it has served; default as the callers. */
  readonly policy?: PolicyOptions;
}

/** A time in which a service does not take requests. */
export interface Outage {
  /** When it begins and ends, in milliseconds from the start: 0 to 86,400,000, `toMs` after `fromMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  /**
   * `hold`: requests wait, and enter the queue in their order when it ends. `refuse` (default): the connection is
   * refused, so callers know at once. `shed`: requests get a 503, with the service's `Retry-After`.
   */
  readonly kind?: "hold" | "refuse" | "shed";
  /** Which of the services: its index; default the last one. */
  readonly service?: number;
}

/** A storm to be simulated. Plain JSON data. */
export interface StormOptions {
  /** The same seed gives the same result, byte for byte: a whole number of at least 0, default 1. */
  readonly seed?: number;
  /** How long is simulated at the most, in milliseconds: 1,000 to 86,400,000, default 120,000. */
  readonly durationMs?: number;
  /** Default 1,000 callers at once. */
  readonly arrivals?: Arrivals;
  /** How the callers call. */
  readonly policy?: PolicyOptions;
  /**
   * In how many processes the callers live: a whole number from 1 to 10,000, default 1. Those of one process share its
   * budget, circuit breaker, throttle, limit and hedging.
   */
  readonly processes?: number;
  readonly network?: NetworkOptions;
  /** From the one that the callers call to the last one, 1 to 10 of them; default one with every default. */
  readonly services?: readonly ServiceOptions[];
  /** At most 100; those of one service must not overlap. Default none. */
  readonly outages?: readonly Outage[];
  /** How fine the load over time is counted, in milliseconds: 10 to 60,000, default 1,000. At most 100,000 steps. */
  readonly stepMs?: number;
}
