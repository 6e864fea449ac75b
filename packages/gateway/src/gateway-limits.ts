import { checkNumber } from "once-again/internal";
import type { RoutePlaces } from "./places.ts";

/** The bounds of a request. */
export interface GatewayLimits {
  /** The largest body of a keyed request, bytes; a larger one is refused with 413, and not forwarded. Default 1 MiB. */
  readonly bodyBytesMax: number;
  /**
   * The largest response that is stored, bytes, headers included. A larger one is passed on whole and recorded as done; a
   * repeat gets an error that says so. Default 1 MiB.
   */
  readonly resultBytesMax: number;
  /** How long to wait for a connection to the upstream, milliseconds. Default 5000. */
  readonly connectMs: number;
  /** How long to wait for the first byte of an answer, once the request was sent, milliseconds. Default 60,000. */
  readonly firstByteMs: number;
  /** How long an exchange may be silent, milliseconds: a body on its way, or an upgraded connection. Default 60,000. */
  readonly idleMs: number;
  /** How long a keyed operation may take, milliseconds. Default 300,000. */
  readonly totalMs: number;
  /**
   * How long a request that passes through may take, milliseconds, from its head to the end of its response. A stream of
   * events and an upgraded connection may last longer; a route with a `totalMs` bounds them, too. Default 3,600,000: an hour.
   */
  readonly passTotalMs: number;
  /**
   * How many bytes per second of its body a caller that the gateway waits for sends at least, on average over each `idleMs`.
   * A slower one loses its connection. 0: no bound but silence. Default 500.
   */
  readonly callerRateMin: number;
  /**
   * How many requests may be under way at a service, each on a connection, in each process. One account, or one address
   * without an account, may have three times as many as are free for it; a quarter is for operations with keys alone. So
   * alone an account has 96 of 128, and an address 72. Default 128.
   */
  readonly connectionsMax: number;
  /** How long a request waits for such a connection, milliseconds; then it is refused with 503, and not forwarded. Default 5000. */
  readonly placeMs: number;
  /** How many requests may wait so in each process; one more is refused at once. Default 1024. */
  readonly waitingMax: number;
  /**
   * How many connections of callers each process has at most; one more is closed at once. Default 4096.
   */
  readonly callersMax: number;
  /** How long a connection may take for the head of a request, milliseconds; a new one, and a TLS handshake, too. Default 60,000. */
  readonly headMs: number;
  /**
   * How much the bodies of keyed requests may take in each process, bytes, until their operations end. A request that would
   * need more is refused with 503, and not forwarded. One account may have `bodyBytesMax`, or three times as much as is free.
   * At least `bodyBytesMax`; default 128 MiB, or `bodyBytesMax` where that is more.
   */
  readonly bodiesBytesMax: number;
}

/** The limits that a route may have instead of the gateway's own. */
export type RouteLimits = {
  readonly [
    Name in
      | "bodyBytesMax"
      | "resultBytesMax"
      | "firstByteMs"
      | "idleMs"
      | "totalMs"
      | "callerRateMin"
      /** Of the service's: its requests have no more than these, together. */
      | "connectionsMax"
  ]?: GatewayLimits[Name] | undefined;
};

const defaults: GatewayLimits = {
  bodyBytesMax: 1_048_576,
  resultBytesMax: 1_048_576,
  connectMs: 5000,
  firstByteMs: 60_000,
  idleMs: 60_000,
  totalMs: 300_000,
  passTotalMs: 3_600_000,
  callerRateMin: 500,
  connectionsMax: 128,
  placeMs: 5000,
  waitingMax: 1024,
  callersMax: 4096,
  headMs: 60_000,
  bodiesBytesMax: 134_217_728,
};

const minima: GatewayLimits = {
  bodyBytesMax: 0,
  resultBytesMax: 1024,
  connectMs: 1,
  firstByteMs: 1,
  idleMs: 1,
  totalMs: 1,
  passTotalMs: 1,
  callerRateMin: 0,
  connectionsMax: 1,
  placeMs: 1,
  waitingMax: 0,
  callersMax: 1,
  headMs: 1,
  bodiesBytesMax: 0,
};

/** The limits of one route, in force. */
export interface LimitsInForce {
  readonly limits: GatewayLimits;
  /** Set by the route: it also ends streams of events and upgraded connections. */
  readonly streamTotalMs: number | undefined;
  /** The places that its requests have together; undefined where only the service bounds them. */
  readonly places: RoutePlaces | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit that makes no sense. */
export function routeLimits(path: string, limits: GatewayLimits, own: RouteLimits = {}): LimitsInForce {
  const { connectionsMax, ...others } = own;
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  const passTotalMs = own.totalMs ?? limits.passTotalMs;
  return {
    limits: checkLimits({ ...limits, ...given, passTotalMs }),
    streamTotalMs: own.totalMs,
    places:
      connectionsMax === undefined ? undefined : { path, max: checkLimits({ connectionsMax }).connectionsMax, used: 0 },
  };
}

/** The longest time that a timer of Node's can wait, milliseconds. */
const timerMax = 2_147_483_647;

/**
 * @param store one that takes only smaller results lowers the default of `resultBytesMax`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit that makes no sense.
 */
export function checkLimits(
  given: Partial<GatewayLimits> = {},
  { resultBytesMax = Infinity }: { readonly resultBytesMax?: number | undefined } = {},
): GatewayLimits {
  const names = Object.keys(defaults) as (keyof GatewayLimits)[];
  const bodyBytesMax = given.bodyBytesMax ?? defaults.bodyBytesMax;
  const fallbacks = {
    ...defaults,
    resultBytesMax: Math.min(defaults.resultBytesMax, resultBytesMax),
    bodiesBytesMax: Math.max(defaults.bodiesBytesMax, bodyBytesMax),
  };
  const least = { ...minima, bodiesBytesMax: bodyBytesMax };
  const limit = (name: keyof GatewayLimits): number =>
    checkNumber(`limits.${name}`, given[name] ?? fallbacks[name], { min: least[name], max: timerMax, integer: true });
  return Object.fromEntries(names.map((name) => [name, limit(name)])) as unknown as GatewayLimits;
}
