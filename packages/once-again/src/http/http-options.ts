import type { EngineOptions, LeasedMode, Mode, TransactionalMode } from "../engine/options.ts";
import type { KeyQuota } from "./key-quota.ts";
import type { ProfileName } from "./profile.ts";
import type { Reconcile } from "./reconcile.ts";
import type { Label } from "./request-details.ts";
import type { FingerprintedRequest } from "../key/fingerprint.ts";
import type { HttpResponse } from "./response.ts";

/**
 * Which parts of a request make it the same operation: besides its method and path, which always do, whatever JSON value
 * this returns of it. The same operation must come to the same value each time.
 */
export type CoveredParts<Request> = (request: FingerprintedRequest, native: Request) => unknown;

/** The rule by which two requests with one key are the same operation: see the option `fingerprint`. */
export type Covered<Request> = "request" | "body" | "target" | CoveredParts<Request>;

/** How one route keeps its promise. `Request` is the framework's own request. */
export interface HttpRules<Request> extends Pick<
  EngineOptions,
  "leaseMs" | "retentionMs" | "waitMs" | "onEvent" | "onError" | "clock" | "random"
> {
  /**
   * The owner of the keys: a function that names the caller (tenant, account) of a request by what was checked of it, in
   * up to 1024 bytes, or `"public"` where all callers share one set of keys. Never the bearer token itself: a refreshed
   * token is the same caller. A name that names no caller, such as `""`, `"undefined"`, `"null"` or `"[object Object]"`, is refused with
   * 503, and so is a function that throws: answer 401 to requests without credentials before they come here.
   */
  readonly scope: "public" | ((request: Request) => string | Promise<string>);
  /**
   * How to treat an operation with an unknown outcome (its handler failed, crashed or lost its lease): one of the actions
   * of `UnknownOutcomeRules`, or an object of an action and its times; default `"hold"`. In transactional mode this never
   * arises: a rollback proves that nothing happened.
   */
  readonly onUnknown?: UnknownOutcomeAction<Request> | UnknownOutcomeRules<Request> | undefined;
  /**
   * How the route speaks: the name of published rules, or an object with such a name and what differs from it; default
   * `"draft"`. See `ProfileRules`.
   */
  readonly profile?: ProfileName | ProfileRules | undefined;
  /** The methods that take a key; default POST and PATCH. Others pass through. */
  readonly methods?: readonly string[] | undefined;
  /**
   * Which requests pass through untouched, whatever key they bring: `true`, said at once. In transactional
   * mode they run in a separate transaction, and nothing is stored. Their repeats run again. A function that throws,
   * or says anything but `true` or `false`, skips nothing, and `onError` is notified. Default none.
   */
  readonly skip?: ((request: Request) => boolean) | undefined;
  /**
   * The rule by which two requests with one key are the same operation:
   *
   * - `"request"` (default): method, path, query, media type and body. See `fingerprint` in once-again/key.
   * - a function that returns the parts of the request that count, besides method and path: see `CoveredParts`. Where it
   *   covers nothing, all is covered, and `onError` is notified.
   * - `"body"`: method, path and body, as JSON where it is JSON. Another query or media type is the same request.
   * - `"target"`: method, path and query. Any body under a key gets the response to the first one.
   *
   * Keys that are stored when this changes are refused as used for another request. So give a list while it changes: the first of it is
   * what new keys are stored with, and a repeat is the same request by any of them (`docs/guides/serving.md#a-changed-fingerprint`).
   */
  readonly fingerprint?: Covered<Request> | readonly [Covered<Request>, ...Covered<Request>[]] | undefined;
  /**
   * With which statuses, of 400 to 499, a handler says that nothing happened: such a response is not stored, the key is
   * released, and a repeat runs afresh. Default none, in transactional mode 408, 425 and 429 in any case. A success is
   * always stored, or a repeat would have its effect again; the outcome of 500 and above is unknown. Not 408 in leased mode:
   * it may come from a time-out while the handler is still at work.
   */
  readonly noEffectStatuses?: readonly number[] | undefined;
  /** Which responses below 400 are failures, where the status does not say so; default none. See `graphqlFailure`. */
  readonly failureOf?: FailureOf | undefined;
  /** How large a request, a result and a load may be, and how long a store and a handler may take. */
  readonly limits?: HttpLimits | undefined;
  /** The options of the steps of handlers; see `execution.steps`. */
  readonly steps?: StepRules | undefined;
}

/**
 * The action for an operation that has an unknown outcome:
 *
 * - `"hold"`: never run it again. A failure that was sent is stored and replayed; after a crash every
 *   repeat gets "outcome unknown" until a person resolves it.
 * - `"rerun"`: run it again. At least once, so only for effects that are idempotent, or keyed further down.
 * - `"finish"`: run it again, to finish it. All effects of the handler are in steps, so what is done is not done again. A
 *   response of 400 to 499 that comes after a step is not stored either: a repeat goes on where it stopped.
 * - a function that looks the effect up, and says whether it happened: see `Reconcile`.
 */
export type UnknownOutcomeAction<Request> = "hold" | "rerun" | "finish" | Reconcile<Request>;

/** An action for operations with unknown outcomes, with its times. */
export interface UnknownOutcomeRules<Request> extends Pick<
  EngineOptions,
  "quiesceMs" | "acknowledgeDuplicates" | "heldRetentionMs"
> {
  readonly action: UnknownOutcomeAction<Request>;
  /**
   * Says in words what a request asks for, such as "order 4711, 25.00 EUR", for the person who has to settle its key: `once-again
   * keys` and the console show it. It is stored with the key (sealed where the store is), 200 characters at most, and gone with
   * it. It is called at once, before the handler; default none. Its errors go to `onError`, and the key has no label then.
   */
  readonly label?: Label<Request> | undefined;
  /**
   * Whether method and path, the worker (host and process), the trace of the `traceparent` header, and how an attempt ended
   * without a result are stored with the key, for the same person; default: where there is a `label`.
   */
  readonly details?: boolean | undefined;
}

/** How a route speaks, where that differs from its published rules. */
export interface ProfileRules {
  /**
   * Which published rules the route keeps; default `"draft"`. `"acp"` is the Agentic Commerce Protocol: error bodies as it
   * writes them, the key in each response, separate keys for each path, the body alone as the fingerprint,
   * and failures that run again. It decides `keyHeader`, `keyRequired`, `expiredKeys`, `reusedStatus` and the route's
   * `fingerprint`, keeps results for 24 hours or longer, and needs the transactional mode, or an `onUnknown` other than
   * `"hold"`. The scope of a record is then the caller's, a space, and the path.
   */
  readonly name?: ProfileName | undefined;
  /**
   * The request header that carries the key; default `Idempotency-Key`. A request that has no such header, but an
   * `Idempotency-Key`, is refused with 400: its caller counts on a key that would not be read. A key that the browser made
   * (Firefox: a quoted number of 64 bits) is no such mistake: it is the request's key where none is required.
   */
  readonly keyHeader?: string | undefined;
  /**
   * Whether a request without a key is refused (400); default true. Otherwise it runs as often as it is sent. A key that the
   * browser made, and not the page, does not count: a second click has another one.
   */
  readonly keyRequired?: boolean | undefined;
  /**
   * How a route treats a time-based key (UUIDv7, ULID) that it has no record of, and that was made longer ago than
   * `retentionMs`, by this process's clock: `"refuse"` (default, with 412), since its result may have been there and be
   * gone, or `"run"`, as a new one. Give `"run"` where callers send the id of an entity as its key, or have no good clocks.
   */
  readonly expiredKeys?: "refuse" | "run" | undefined;
  /** The status for a key that was used before with another request; default 422, as the draft says. */
  readonly reusedStatus?: 409 | 422 | undefined;
  /**
   * The least `Retry-After` of responses after which to come back, whole seconds, 1 or more; default 1. Each response says another
   * time, by chance, so that callers do not come back together: 1, 2 or 3 s; of a larger least time up to 2 s more; and more, up to
   * 30 s, while the store is away.
   */
  readonly retryAfterSeconds?: number | undefined;
  /** The beginning of a problem's `type`; default where npm serves this package's own error pages. */
  readonly problemBase?: string | undefined;
}

/** The bounds of a route. */
export interface HttpLimits extends Pick<EngineOptions, "storeMsMax" | "handlerMsMax"> {
  /** The largest request body, bytes; default 1 MiB. A larger one is refused with 413. */
  readonly bodyBytesMax?: number | undefined;
  /**
   * The largest response that is stored, bytes, headers included: at least 1024, and at most what the store takes
   * (`store.resultBytesMax`); default 1 MiB, or what the store takes where that is less. See `ONCE_RESULT_TOO_LARGE`.
   */
  readonly resultBytesMax?: number | undefined;
  /**
   * How many new keys one scope may bring; default any number. Beyond it a new key is refused with 429 and `Retry-After`;
   * repeats of stored keys are answered as ever, at the price of one more look into the store. Each process counts for itself,
   * the 10,000 scopes that were last at work.
   */
  readonly quota?: KeyQuota | undefined;
}

/** The options that the steps of a route's handlers need. */
export type StepRules = Pick<EngineOptions, "secret" | "checkpointBytesMax">;

/** Options of a route with effects elsewhere: the key is leased while the handler runs. */
export type LeasedHttpOptions<Request> = HttpRules<Request> & LeasedMode;
/** Options of a route with effects in rows: key, effect and response are committed together. */
export type TransactionalHttpOptions<Request, Transaction> = HttpRules<Request> & TransactionalMode<Transaction>;
/** Options of a route, in either mode. */
export type HttpOptions<Request, Transaction> = HttpRules<Request> & Mode<Transaction>;

/**
 * Says whether a response below 500 is a failure, where its status does not: in GraphQL, errors come with 200. A response of
 * 500 or above has failed, whatever it says, and one of 400 or above is refused at least.
 *
 * - `"failed"`: as a response of 500. In a transaction all that the handler wrote is rolled back, with the key, so a repeat
 *   runs afresh. In leased mode the outcome is unknown: see `onUnknown`.
 * - `"refused"`: as a response of 400. It is stored and replayed; in a transaction, what the handler wrote is rolled
 *   back first.
 * - `undefined`: what its status says.
 *
 * An error that it throws is a failure of the handler: `onError` gets it, and the caller gets 500.
 */
export type FailureOf = (answer: HttpResponse) => "refused" | "failed" | undefined;
