import type { Clock } from "../core/clock.ts";
import type { OnceAgainError } from "../core/errors.ts";
import type { Listener } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, checkClock, checkNumber, fromOne, invalidOptionError, wholeFromOne } from "../core/options.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { systemClock } from "../core/system-clock.ts";
import type { Verdict } from "../delivery/index.ts";
import { keyHeaderName } from "../key/index.ts";
import type { KeyFormat } from "../key/key.ts";
import type { Backoff, RetryBudget, RetryEvent } from "../retry/index.ts";
import { type AnyLayer, compose } from "../retry/layer.ts";
import { defaultAttemptsMax, defaultBackoff, type RetryPolicy } from "../retry/retry-options.ts";
import { type AttemptHeaders, checkAttemptHeaders } from "./attempt-headers.ts";
import { type KeyRule, keyRule, type KeysOption } from "./repeats.ts";
import { originBudgets, type OriginRule, originRule, perOrigin } from "./per-origin.ts";
import { platformFetch } from "./platform-fetch.ts";
import { type RedirectRule, redirectRule, type TrustRedirects } from "./foreign-response.ts";
import { retryCondition, type ShouldRetry } from "./should-retry.ts";

/** The events of a call of a retrying fetch: those of `retry`, with the request that they are about. */
export type FetchEvent = RetryEvent & FetchFacts;

/** Which call an event is about. No query, no headers, no bodies: those hold secrets. */
export interface FetchFacts {
  /** The same object in all the events of one call, and in those of no other. */
  readonly call: object;
  readonly method: string;
  /** Origin and path. */
  readonly url: string;
  /** The idempotency key, the same for all the events of one call; `undefined` when the call has none. */
  readonly key: string | undefined;
  /** The status of the latest attempt that has ended; `undefined` when it had no answer, or none has ended yet. */
  readonly status: number | undefined;
  /** The verdict on the latest failed attempt; `undefined` when none has failed yet. */
  readonly verdict: Verdict | undefined;
}

const mebibyte = 1_048_576;

/** How a retrying fetch behaves. Options that `retry` has too mean the same there. */
export interface RetryingFetchOptions {
  /**
   * Sends an attempt, called with a receiver of `undefined`; default the `globalThis.fetch` of the moment, so that a mock
   * that is set later is asked. This retrying fetch may be put in its place: then it is the one from before.
   */
  readonly fetch?: typeof fetch | undefined;
  /** The most attempts of one call, the first one included: a whole number of at least 1, default 5. */
  readonly attemptsMax?: number | undefined;
  /** How long to wait before each retry; default exponential: up to 1, 2, 4, 8 s, at least half of it. */
  readonly backoff?: Backoff | undefined;
  /**
   * How long a call may take until its response begins, in milliseconds, waits included: at least 1, default 300,000.
   * A server that asks with `Retry-After` for a longer wait gets none: its answer is returned at once.
   */
  readonly timeoutMs?: number | undefined;
  /** How long one attempt may take until its response begins, in milliseconds: at least 1, default 30,000. */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Pays for retries: `"per-origin"` (default) is a `successBudget` for each origin, shared by all calls of
   * this fetch; `"off"` makes them free.
   */
  readonly budget?: RetryBudget | "per-origin" | "off" | undefined;
  /**
   * The layers between the retries and the network, from outside in: circuit breaker, throttle, limit, hedge (of
   * `once-again/layers`). It is asked once for each origin, since what they learn is about one server. `budget` is that
   * origin's: share it with `hedge`, which hedges only what has a key or an idempotent method. Default none.
   */
  readonly layers?: ((place: OriginContext) => readonly AnyLayer[]) | undefined;
  /** The headers in which an attempt sends its number and the time that is left; default none. */
  readonly attemptHeaders?: AttemptHeaders | undefined;
  /**
   * Which servers honour keys: a list of origins (`["https://shop.example"]`), a function of the URL (without its query),
   * or `true` for all. A POST or PATCH that brings no key gets one, whatever the server. After an attempt that may have
   * arrived it is sent again only to a server that is named here, or that has said in a response to the same method and path
   * that it (`Idempotency-Key-Policy`, `Idempotent-Replayed`). Default: none is named. `"off"`: no key is made. Browsers send
   * a POST again by themselves, to any server.
   */
  readonly keys?: KeysOption | undefined;
  /** The header that carries the key; default `Idempotency-Key`. */
  readonly keyHeader?: string | undefined;
  /** How a key is written: `"bare"` (default), or `"structured"`, in quotes as the IETF draft has it. */
  readonly keyFormat?: KeyFormat | undefined;
  /**
   * How long the server remembers a key, in milliseconds: at least 1, default unknown. A call with a key has no longer
   * than this, as if it were the deadline: a later attempt would be executed once more.
   */
  readonly keyRetentionMs?: number | undefined;
  /**
   * The origins at which a 503 with `Retry-After` is believed to say that nothing happened: `true` for all, a list of origins,
   * or a function of the origin. Default `false`: only once-again's own 503 is, which says so in its problem's code. A proxy
   * may send one for a server that died in the middle of its work; Varnish does.
   */
  readonly trustRetryAfter?: OriginRule | undefined;
  /**
   * Which successes after a redirect are the request's own: `true` for all, or a function of the URL that the response comes
   * from. `false`: by the rule, and a call that ends with another request's response ends with `ONCE_OUTCOME_UNKNOWN`. By
   * the rule, these are another request's: after a 301 or 302 that made a GET of a POST (a sign-in page), of another
   * origin, a page (HTML) where `Accept` asks for JSON, and in browsers, which show no redirect, any page. A 303 to the same
   * origin is the server's own way to say "done". Default: they are returned as `fetch` returns them (`redirected`, `url`),
   * unless an earlier attempt of the call is in doubt, which they don't settle.
   */
  readonly trustRedirects?: TrustRedirects | undefined;
  /**
   * Whether an answer is read within its attempt, so that one that breaks off is tried again like one that never came:
   * `true` for bodies of up to 1 MiB, or `{ bytesMax }` (a whole number of at least 1). Of a longer one the rest is
   * handed over as it comes. Default `false`: the attempt ends when the answer begins.
   */
  readonly readBody?: boolean | { readonly bytesMax: number } | undefined;
  /**
   * The largest body of a `Request`, in bytes, since that is a stream which has to be buffered in memory: a whole number,
   * default 64 MiB. Bodies that are given otherwise have no bound.
   */
  readonly bodyBytesMax?: number | undefined;
  /**
   * Whether a failed attempt is worth another, where another is safe. What it throws ends the call.
   * Default: the rules alone decide.
   */
  readonly shouldRetry?: ShouldRetry | undefined;
  /**
   * Which statuses are worth another attempt, where another is safe: a list from 400 to 599, instead of 408, 425, 429, 500,
   * 502, 503, 504, 520, 522, 524 and a 409 with `Retry-After`. `shouldRetry` is asked first.
   */
  readonly retryStatuses?: readonly number[] | undefined;
  /** Called with each event. What it throws is dropped. */
  readonly onEvent?: Listener<FetchEvent> | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

/** The server that layers are made for. */
export interface OriginContext {
  readonly origin: string;
  /** The budget that pays for retries of calls to it; `undefined` when they are free. */
  readonly budget: RetryBudget | undefined;
}

/** The options, checked, with every default filled in. */
export interface FetchSettings {
  readonly policy: FetchPolicy;
  readonly fetch: typeof fetch;
  readonly budgetOf: (origin: string) => RetryBudget | undefined;
  readonly layerOf: (origin: string) => AnyLayer;
  readonly attemptHeaders: AttemptHeaders;
  /** Where keys are honoured. */
  readonly keys: KeyRule;
  readonly trustsRetryAfter: (origin: string) => boolean;
  readonly trustsRedirect: RedirectRule;
  /** `undefined`: an attempt ends when its answer begins. */
  readonly readBodyBytesMax: number | undefined;
  readonly bodyBytesMax: number;
  readonly keyHeader: string;
  readonly keyFormat: KeyFormat;
  /** How long the server remembers this key, in milliseconds: no limit for a call that has none. */
  readonly keyRetentionMs: (key: string | undefined) => number;
  readonly shouldRetry: ShouldRetry | undefined;
  readonly onEvent: Listener<FetchEvent> | undefined;
}

/** The part of a policy that all calls share. */
interface FetchPolicy extends Pick<RetryPolicy<never>, "attemptsMax" | "backoff" | "clock" | "random"> {
  readonly attemptTimeoutMs: number;
  readonly timeoutMs: number;
}

const names: OptionNames<RetryingFetchOptions> = {
  fetch: "function",
  attemptsMax: wholeFromOne,
  timeoutMs: fromOne,
  attemptTimeoutMs: fromOne,
  backoff: "function",
  budget: true,
  layers: true,
  attemptHeaders: true,
  keys: true,
  keyHeader: true,
  keyFormat: true,
  keyRetentionMs: fromOne,
  trustRetryAfter: true,
  trustRedirects: true,
  readBody: true,
  bodyBytesMax: { min: 0, integer: true },
  shouldRetry: "function",
  retryStatuses: true,
  onEvent: "function",
  clock: true,
  random: "function",
};

/**
 * @param reader the function that takes the options, as errors name it.
 * @param without the options of `retryingFetch` that it doesn't have: they would be ignored.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function fetchSettings(
  options: RetryingFetchOptions,
  reader = "retryingFetch",
  without: readonly (keyof RetryingFetchOptions)[] = [],
): FetchSettings {
  checkNames(reader, options, without.length === 0 ? names : namesWithout(without));
  checkClock(options.clock);
  const { keyRetentionMs = Infinity } = options;
  const budgetOf = budgetRule(options.budget ?? "per-origin");
  return {
    policy: {
      attemptsMax: options.attemptsMax ?? defaultAttemptsMax,
      attemptTimeoutMs: options.attemptTimeoutMs ?? 30_000,
      backoff: options.backoff ?? defaultBackoff,
      clock: options.clock ?? systemClock,
      timeoutMs: options.timeoutMs ?? 300_000,
      random: options.random ?? systemRandom,
    },
    fetch: options.fetch ?? platformFetch(),
    budgetOf,
    layerOf: layersByOrigin(options.layers ?? undefined, budgetOf),
    attemptHeaders: checkAttemptHeaders(options.attemptHeaders ?? {}),
    keys: keyRule(options.keys),
    trustsRetryAfter: originRule("trustRetryAfter", options.trustRetryAfter ?? false),
    trustsRedirect: redirectRule(options.trustRedirects),
    readBodyBytesMax: readBodyBound(options.readBody ?? false),
    bodyBytesMax: options.bodyBytesMax ?? 64 * mebibyte,
    keyHeader: options.keyHeader ?? keyHeaderName,
    keyFormat: checkChoice("keyFormat", options.keyFormat ?? "bare", ["bare", "structured"]),
    keyRetentionMs: (key) => (key === undefined ? Infinity : keyRetentionMs),
    shouldRetry: retryCondition(options.shouldRetry, options.retryStatuses),
    onEvent: options.onEvent,
  };
}

function namesWithout(left: readonly string[]): Partial<typeof names> {
  return Object.fromEntries(Object.entries(names).filter(([name]) => !left.includes(name)));
}

const noLayer: AnyLayer = (next) => next;

/** A list alone would be refused: its breaker would judge one server by another. */
function layersByOrigin(
  layers: RetryingFetchOptions["layers"],
  budgetOf: FetchSettings["budgetOf"],
): FetchSettings["layerOf"] {
  if (layers === undefined) return () => noLayer;
  if (typeof layers !== "function") throw layersError(layers);
  return perOrigin((origin) => {
    const originLayers: unknown = layers({ origin, budget: budgetOf(origin) });
    if (Array.isArray(originLayers) && originLayers.every((layer) => typeof layer === "function"))
      return compose(...originLayers);
    throw layersError(originLayers);
  });
}

function layersError(layers: unknown): OnceAgainError {
  return invalidOptionError("layers", "a function that returns a list, such as () => [circuitBreaker()]", layers);
}

function readBodyBound(readBody: NonNullable<RetryingFetchOptions["readBody"]>): number | undefined {
  if (typeof readBody === "boolean") return readBody ? mebibyte : undefined;
  return checkNumber("readBody.bytesMax", readBody.bytesMax, wholeFromOne);
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no budget. */
export function budgetRule(budget: RetryBudget | "per-origin" | "off"): FetchSettings["budgetOf"] {
  if (budget === "per-origin") return originBudgets();
  if (budget === "off") return () => undefined;
  if (typeof budget.tryTake !== "function") {
    throw invalidOptionError("budget", 'a RetryBudget, "per-origin" or "off"', budget);
  }
  return () => budget;
}
