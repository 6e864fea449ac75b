import { hasMethod, wrongClientError } from "../core/duck-typing.ts";
import { logError } from "../core/error-log.ts";
import { notify } from "../core/events.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, checkFunction, checkNumber, invalidOptionError } from "../core/options.ts";
import type { MessageFacts } from "../engine/engine.ts";
import { engineOptionNames, type EngineOptions } from "../engine/options.ts";
import { keyHeaderName } from "../key/index.ts";
import type { Store, TransactionalStore } from "../stores/store.ts";
import type { KeyQuota } from "./key-quota.ts";
import type { Latest } from "./message-order.ts";
import { type Profile, type ProfileName, profiles, withProfile } from "./profile.ts";
import type { Reconcile } from "./reconcile.ts";
import type { CoveredParts } from "./request-fingerprint.ts";
import { type HttpResponse, isHeaderName } from "./response.ts";

/** How one route keeps its promise. `Request` is the framework's own request. */
export interface HttpRules<Request> extends Omit<EngineOptions, "onUnknown"> {
  /**
   * How to treat an operation with an unknown outcome (its handler failed, crashed or lost its lease):
   *
   * - `"hold"` (default): never run it again. A failure that was sent is stored and replayed; after a crash every
   *   repeat gets "outcome unknown" until a person resolves it.
   * - `"rerun"`: run it again. At least once, so only for effects that are idempotent, or keyed further down.
   * - `"finish"`: run it again, to finish it. All effects of the handler are in steps, so what is done is not done again. A
   *   response of 400 to 499 that comes after a step is not stored either: a repeat goes on where it stopped.
   * - a function that looks the effect up, and says whether it happened: see `Reconcile`.
   *
   * In transactional mode this never arises: a rollback proves that nothing happened.
   */
  readonly onUnknown?: "hold" | "rerun" | "finish" | Reconcile<Request> | undefined;
  /**
   * Which published rules the route keeps; default `"draft"`. `"acp"` is the Agentic Commerce Protocol: error bodies as it
   * writes them, the key in each response, separate keys for each path, the body alone as the fingerprint,
   * and failures that run again. It decides `keyHeader`, `keyRequired`, `oldKeys`, `fingerprint` and `reusedStatus`, keeps
   * results for 24 hours or longer, and needs the transactional mode, or an `onUnknown` other than `"hold"`. The scope of a
   * record is then the caller's, a space, and the path.
   */
  readonly profile?: ProfileName | undefined;
  /**
   * The owner of the keys: a function that names the caller (tenant, account) of a request by what was checked of it, in
   * up to 1024 bytes, or `"public"` where all callers share one set of keys. Never the bearer token itself: a refreshed
   * token is the same caller. A name that names no caller, such as `""`, `"undefined"`, `"null"` or `"[object Object]"`, is refused with
   * 503, and so is a function that throws: answer 401 to requests without credentials before they come here.
   */
  readonly scope: "public" | ((request: Request) => string | Promise<string>);
  /**
   * How a route treats a time-based key (UUIDv7, ULID) that it has no record of, and that was made longer ago than
   * `retentionMs`, by this process's clock: `"refuse"` (default, with 412), since its result may have been there and be
   * gone, or `"run"`, as a new one. Give `"run"` where callers send the id of an entity as its key, or have no good clocks.
   */
  readonly oldKeys?: "refuse" | "run" | undefined;
  /**
   * The request header that carries the key; default `Idempotency-Key`. A request that has no such header, but an
   * `Idempotency-Key`, is refused with 400: its caller counts on a key that would not be read.
   */
  readonly keyHeader?: string | undefined;
  /**
   * Names the operation of a request by all of it, its raw body too, in the place of the key's header: for messages that are
   * signed, such as webhooks. Every method takes a key then, and what is not believed is refused with 401 before the store
   * is asked. Default none. See `webhookRoute` in once-again/webhooks.
   */
  readonly identify?: Identify | undefined;
  /**
   * With `identify`, in transactional mode: which object a message is about, and how new it is. One that is older than what was
   * handled of the same object does not run: its sender gets 200, and its repeats the same. A high-water mark, which moves in the
   * handler's transaction, decides that. Default: every message runs.
   */
  readonly latest?: Latest | undefined;
  /**
   * Which requests pass through as if we were not there, whatever key they bring: `true`, said at once. In transactional
   * mode they run in a transaction of their own, and nothing is stored. Their repeats run again. A function that throws,
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
   * Keys that are stored when this changes are refused as used for another request.
   */
  readonly fingerprint?: "request" | "body" | "target" | CoveredParts<Request> | undefined;
  /**
   * With which statuses, of 400 to 499, a handler says that nothing happened: such a response is not stored, the key is
   * released, and a repeat runs afresh. Default none, in transactional mode 408, 425 and 429 in any case. A success is
   * always stored, or a repeat would have its effect again; the outcome of 500 and above is unknown. Not 408 in leased mode:
   * it may come from a time-out while the handler is still at work.
   */
  readonly noEffectStatuses?: readonly number[] | undefined;
  /** Which answers below 400 are failures, where the status does not say so; default none. See `graphqlFailure`. */
  readonly failureOf?: FailureOf | undefined;
  /** The methods that take a key; default POST and PATCH. Others pass through. */
  readonly methods?: readonly string[] | undefined;
  /** Whether a request without a key is refused (400); default true. Otherwise it runs as often as it is sent. */
  readonly keyRequired?: boolean | undefined;
  /** The largest request body, bytes; default 1 MiB. A larger one is refused with 413. */
  readonly bodyBytesMax?: number | undefined;
  /** The largest response that is stored, bytes, headers included; default 1 MiB. See ONCE_RESULT_TOO_LARGE. */
  readonly resultBytesMax?: number | undefined;
  /** The status for a key that was used before with another request; default 422, as the draft says. */
  readonly reusedStatus?: 409 | 422 | undefined;
  /** The `Retry-After` of answers after which to come back, whole seconds, 1 or more; default 1. */
  readonly retryAfterSeconds?: number | undefined;
  /**
   * How many new keys one scope may bring; default any number. Beyond it a new key is refused with 429 and `Retry-After`;
   * repeats of stored keys are answered as ever, at the price of one more look into the store. Each process counts for itself,
   * the 10,000 scopes that were last at work.
   */
  readonly quota?: KeyQuota | undefined;
  /** The beginning of a problem's `type`; default where npm serves this package's own error pages. */
  readonly problemBase?: string | undefined;
}

/** The claim is stored before the handler runs, its response after; the effect may be anywhere. */
export interface LeasedMode {
  readonly mode?: "leased" | undefined;
  readonly store: Store;
}

/** Key, effect and answer commit in one transaction of the user's own database. */
export interface TransactionalMode<Transaction> {
  readonly mode: "transactional";
  readonly store: TransactionalStore<Transaction>;
}

/** Options of a route with effects elsewhere: the key is leased while the handler runs. */
export type LeasedHttpOptions<Request> = HttpRules<Request> & LeasedMode;
/** Options of a route with effects in rows: key, effect and response are committed together. */
export type TransactionalHttpOptions<Request, Transaction> = HttpRules<Request> & TransactionalMode<Transaction>;
/** Options of a route, in either mode. */
export type HttpOptions<Request, Transaction> =
  | LeasedHttpOptions<Request>
  | TransactionalHttpOptions<Request, Transaction>;

type Filled<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** HTTP rules, checked, with every default filled in. */
export type CheckedHttpRules<Request> = Filled<
  Omit<
    HttpRules<Request>,
    keyof EngineOptions | "quota" | "failureOf" | "identify" | "latest" | "profile" | "skip" | "noEffectStatuses"
  >
> & {
  readonly profile: Profile;
  /** Whether what the handler did is rolled back with its key. */
  readonly transactional: boolean;
  readonly onError: (error: unknown) => void;
  /** Missing where the key is in its header. */
  readonly identify: Identify | undefined;
  /** Missing where every message runs. */
  readonly latest: Latest | undefined;
  /** Missing where nothing is skipped. */
  readonly skip: ((request: Request) => boolean) | undefined;
  readonly noEffectStatuses: ReadonlySet<number>;
  /** Missing where the status says all. */
  readonly failureOf: FailureOf | undefined;
  /** Missing where keys are not counted. */
  readonly quota: KeyQuota | undefined;
  /** Missing where operations are held or just run again. */
  readonly reconcile: Reconcile<Request> | undefined;
};

const names: OptionNames<HttpRules<never> & LeasedMode> = {
  ...engineOptionNames,
  store: true,
  mode: true,
  profile: true,
  scope: true,
  oldKeys: true,
  keyHeader: true,
  identify: true,
  latest: true,
  skip: true,
  fingerprint: true,
  noEffectStatuses: true,
  failureOf: true,
  methods: true,
  keyRequired: "boolean",
  bodyBytesMax: true,
  resultBytesMax: true,
  reusedStatus: true,
  retryAfterSeconds: true,
  quota: true,
  problemBase: true,
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkHttpRules<Request, Transaction>(
  given: HttpOptions<Request, Transaction>,
): CheckedHttpRules<Request> {
  if (hasMethod(given, "claim")) throw wrongClientError("options", "an object such as { store, scope }", given);
  checkNames("once-again", given, names);
  const options = withProfile(given);
  const { scope } = options;
  if (scope !== "public" && typeof scope !== "function") {
    throw invalidOptionError("scope", 'a function that names the caller of a request, or "public"', scope);
  }
  const transactional = checkChoice("mode", options.mode ?? "leased", ["leased", "transactional"]) === "transactional";
  return Object.freeze({
    profile: profiles[options.profile ?? "draft"],
    scope,
    transactional,
    keyHeader: checkKeyHeader(options.keyHeader ?? keyHeaderName),
    identify: checkFunction("identify", options.identify),
    latest: checkLatest(options, transactional),
    skip: checkFunction("skip", options.skip),
    fingerprint: checkFingerprint(options.fingerprint ?? "request"),
    noEffectStatuses: checkNoEffectStatuses(options.noEffectStatuses ?? [], transactional),
    reconcile: typeof options.onUnknown === "function" ? options.onUnknown : undefined,
    reusedStatus: checkChoice("reusedStatus", options.reusedStatus ?? 422, [409, 422]),
    oldKeys: checkChoice("oldKeys", options.oldKeys ?? "refuse", ["refuse", "run"]),
    failureOf: checkFunction("failureOf", options.failureOf),
    methods: checkedMethods(options.methods ?? ["POST", "PATCH"]),
    keyRequired: options.keyRequired ?? true,
    bodyBytesMax: checkNumber("bodyBytesMax", options.bodyBytesMax ?? 1_048_576, { min: 0, integer: true }),
    resultBytesMax: checkNumber("resultBytesMax", options.resultBytesMax ?? 1_048_576, { min: 1024, integer: true }),
    quota: options.quota,
    retryAfterSeconds: checkNumber("retryAfterSeconds", options.retryAfterSeconds ?? 1, { min: 1, integer: true }),
    problemBase: options.problemBase ?? "https://unpkg.com/once-again@0/docs/errors/",
    onError: (error: unknown) => notify(options.onError ?? logError, error),
  });
}

/** A mark needs a transaction to move in: moved before the effect it would lose an event, moved after it let an older one pass. */
function checkLatest(
  { latest, identify, store }: { latest?: Latest | undefined; identify?: Identify | undefined; store: object },
  transactional: boolean,
): Latest | undefined {
  if (latest === undefined || (transactional && identify !== undefined && hasMethod(store, "moveMark"))) {
    return checkFunction("latest", latest);
  }
  throw invalidOptionError(
    "latest",
    'missing, or the route one for messages, with mode: "transactional" on an SQL store',
    latest,
  );
}

function checkedMethods(methods: readonly string[]): readonly string[] {
  const isList = Array.isArray(methods) && methods.length > 0 && methods.every((method) => typeof method === "string");
  if (isList) return methods.map((method) => method.toUpperCase());
  throw invalidOptionError("methods", 'a list such as ["POST", "PATCH"]', methods);
}

/** Headers that say something else, to everybody on the way. */
const otherHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "content-length",
  "content-type",
  "cookie",
  "host",
  "transfer-encoding",
]);

function checkKeyHeader(name: string): string {
  if (typeof name === "string" && isHeaderName(name) && !otherHeaders.has(name.toLowerCase())) return name;
  throw invalidOptionError("keyHeader", "the name of a header that means nothing else", name);
}

function checkFingerprint<Covered>(covered: Covered): Covered {
  const isNamed = covered === "request" || covered === "body" || covered === "target";
  if (isNamed || typeof covered === "function") return covered;
  throw invalidOptionError("fingerprint", '"request", "body", "target" or a function of the request', covered);
}

function checkNoEffectStatuses(statuses: readonly number[], transactional: boolean): ReadonlySet<number> {
  const canBe = (status: number): boolean =>
    Number.isInteger(status) && status >= 400 && status <= 499 && (transactional || status !== 408);
  if (Array.isArray(statuses) && statuses.every(canBe)) return new Set(statuses);
  throw invalidOptionError(
    "noEffectStatuses",
    "a list of statuses from 400 to 499, without 408 in leased mode: a success must be stored, or its repeats would have " +
      "the effect again, and a failure can't tell that nothing happened",
    statuses,
  );
}

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

/** A request as a route's own rule sees it, read to its end. */
export interface ReceivedRequest {
  readonly method: string;
  /** The full path as it was sent, without the query. */
  readonly path: string;
  readonly query: string;
  /** The `Content-Type` header, or an empty string. */
  readonly contentType: string;
  /** The body, byte for byte as it came. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The value of one header, by its name in any case; `undefined` for one that is missing, or came more than once. */
  readonly header: (name: string) => string | undefined;
}

/** The answer of a route's own rule to a request that it believes. */
export interface IdentifiedRequest {
  /** Names the operation, 1 to 255 characters. */
  readonly key: string;
  /** The facts for its handler, as `execution.event`. */
  readonly event: MessageFacts;
}

/**
 * Names the operation of a request by all of it, in the place of the key's header. `undefined`: it is not to be believed. It
 * is refused with 401 then, and the store is not asked.
 */
export type Identify = (
  request: ReceivedRequest,
) => IdentifiedRequest | undefined | Promise<IdentifiedRequest | undefined>;
