import { checkNumber } from "once-again/internal";

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
  /** How long a keyed operation may take, milliseconds. What passes through is bounded by silence alone. Default 300,000. */
  readonly totalMs: number;
  /** How many connections to the upstream each process opens at most. Default 128. */
  readonly connectionsMax: number;
  /** How many connections of callers each process has at most; one more is closed at once. Default 4096. */
  readonly callersMax: number;
  /** How long a connection may take for the head of a request, milliseconds; a new one, and a TLS handshake, too. Default 60,000. */
  readonly headMs: number;
  /**
   * How much the bodies of keyed requests may take in each process, bytes, until their operations end. A request that would
   * need more is refused with 503, and not forwarded. At least `bodyBytesMax`; default 128 MiB, or `bodyBytesMax` where that
   * is more.
   */
  readonly bodiesBytesMax: number;
}

const defaults: GatewayLimits = {
  bodyBytesMax: 1_048_576,
  resultBytesMax: 1_048_576,
  connectMs: 5000,
  firstByteMs: 60_000,
  idleMs: 60_000,
  totalMs: 300_000,
  connectionsMax: 128,
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
  connectionsMax: 1,
  callersMax: 1,
  headMs: 1,
  bodiesBytesMax: 0,
};

/** The longest time that a timer of Node's can wait, milliseconds. */
const timerMax = 2_147_483_647;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit that makes no sense. */
export function checkLimits(given: Partial<GatewayLimits> = {}): GatewayLimits {
  const names = Object.keys(defaults) as (keyof GatewayLimits)[];
  const bodyBytesMax = given.bodyBytesMax ?? defaults.bodyBytesMax;
  const fallbacks = { ...defaults, bodiesBytesMax: Math.max(defaults.bodiesBytesMax, bodyBytesMax) };
  const least = { ...minima, bodiesBytesMax: bodyBytesMax };
  const limit = (name: keyof GatewayLimits): number =>
    checkNumber(`limits.${name}`, given[name] ?? fallbacks[name], { min: least[name], max: timerMax, integer: true });
  return Object.fromEntries(names.map((name) => [name, limit(name)])) as unknown as GatewayLimits;
}
