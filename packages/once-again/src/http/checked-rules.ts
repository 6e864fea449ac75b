import { hasMethod } from "../core/duck-typing.ts";
import { checkResultBytesMax } from "../engine/options.ts";
import { logError } from "../core/error-log.ts";
import { type ErrorListener, notify } from "../core/listener.ts";
import { checkChoice, checkFunction, checkNumber, invalidOptionError } from "../core/options.ts";
import type { EngineOptions } from "../engine/options.ts";
import type { RecordName } from "../stores/store.ts";
import { keyHeaderName } from "../key/index.ts";
import { type FlatOptions, type FlatRules, optionPath } from "./flat-options.ts";
import type { Covered, FailureOf } from "./http-options.ts";
import type { KeyQuota } from "./key-quota.ts";
import type { Latest } from "./out-of-order-events.ts";
import type { Identify } from "./webhook-rules.ts";
import { type Profile, profiles, withProfile } from "./profile.ts";
import type { Reconcile } from "./reconcile.ts";
import { type DescribeRequest, requestDetails } from "./request-details.ts";
import { isHeaderName } from "./response.ts";

type Filled<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** HTTP rules, checked, with every default filled in. */
export type CheckedHttpRules<Request> = Filled<
  Omit<
    FlatRules<Request>,
    | keyof EngineOptions
    | ("quota" | "failureOf" | "identify" | "latest" | "profile" | "skip" | "noEffectStatuses" | "label" | "details")
    | "fingerprint"
  >
> & {
  /** Reports that a request was found under an earlier fingerprint, the first time. */
  readonly onEarlierFingerprint: (operation: RecordName) => void;
  /** The rule by which requests are the same, and those that were in force before it. */
  readonly fingerprints: readonly [Covered<Request>, ...Covered<Request>[]];
  readonly profile: Profile;
  /** Whether what the handler did is rolled back with its key. */
  readonly transactional: boolean;
  readonly onError: ErrorListener;
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
  /** Missing where no details are stored. */
  readonly describe: DescribeRequest<Request> | undefined;
};

/** The rules of an open route. */
export interface RouteRules<Request> extends CheckedHttpRules<Request> {
  /** When a caller that is turned away shall come back, by chance, whole seconds. @param leastSeconds default the route's. */
  readonly retryAfter: (leastSeconds?: number) => number;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkHttpRules<Request, Transaction>(
  given: FlatOptions<Request, Transaction>,
): CheckedHttpRules<Request> {
  const options = withProfile(given, optionPath);
  const { scope } = options;
  if (scope !== "public" && typeof scope !== "function") {
    throw invalidOptionError("scope", 'a function that names the caller of a request, or "public"', scope);
  }
  const transactional = checkChoice("mode", options.mode ?? "leased", ["leased", "transactional"]) === "transactional";
  const label = checkFunction(optionPath("label"), options.label);
  const onError: ErrorListener = (error, about = { room: "route" }) =>
    notify(options.onError ?? logError, error, about);
  return Object.freeze({
    profile: profiles[options.profile],
    scope,
    transactional,
    keyHeader: checkKeyHeader(options.keyHeader ?? keyHeaderName),
    identify: checkFunction("identify", options.identify),
    latest: checkLatest(options, transactional),
    skip: checkFunction("skip", options.skip),
    fingerprints: checkFingerprints(options.fingerprint ?? "request"),
    onEarlierFingerprint: firstTime(({ scope, key }: RecordName) =>
      onError(fingerprintChange(), { room: "route", scope, key }),
    ),
    noEffectStatuses: checkNoEffectStatuses(options.noEffectStatuses ?? [], transactional),
    reconcile: typeof options.onUnknown === "function" ? options.onUnknown : undefined,
    reusedStatus: checkChoice(optionPath("reusedStatus"), options.reusedStatus ?? 422, [409, 422]),
    expiredKeys: checkChoice(optionPath("expiredKeys"), options.expiredKeys ?? "refuse", ["refuse", "run"]),
    failureOf: checkFunction("failureOf", options.failureOf),
    methods: checkedMethods(options.methods ?? ["POST", "PATCH"]),
    keyRequired: options.keyRequired ?? true,
    bodyBytesMax: checkNumber(optionPath("bodyBytesMax"), options.bodyBytesMax ?? 1_048_576, { min: 0, integer: true }),
    resultBytesMax: checkResultBytesMax(optionPath("resultBytesMax"), options.resultBytesMax, options.store),
    quota: options.quota,
    retryAfterSeconds: checkNumber(optionPath("retryAfterSeconds"), options.retryAfterSeconds ?? 1, {
      min: 1,
      integer: true,
    }),
    problemBase: options.problemBase ?? "https://unpkg.com/once-again@0/docs/errors/",
    describe: (options.details ?? label !== undefined) ? requestDetails(label, onError) : undefined,
    onError,
  });
}

/** A mark needs a transaction to move in: moved before the effect it would lose an event, moved after it let an older one pass. */
function checkLatest(
  { latest, store }: { latest?: Latest | undefined; store: object },
  transactional: boolean,
): Latest | undefined {
  if (latest === undefined || (transactional && hasMethod(store, "moveMark"))) {
    return checkFunction("latest", latest);
  }
  throw invalidOptionError("latest", 'missing, or given with mode: "transactional" on an SQL store', latest);
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
  throw invalidOptionError(optionPath("keyHeader"), "the name of a header that means nothing else", name);
}

function firstTime<Facts>(report: (facts: Facts) => void): (facts: Facts) => void {
  let isReported = false;
  return (facts) => {
    if (!isReported) report(facts);
    isReported = true;
  };
}

function fingerprintChange(): Error {
  const error = new Error(
    "The fingerprint of this route has changed: a key that was stored before came again, and was taken for the same request by an earlier " +
      "rule of the option fingerprint. Take that rule out of the list when no such repeat can come any more: retentionMs after the roll-out.",
  );
  // It is no fault, and is not to be looked for where it was made.
  delete error.stack;
  return error;
}

function checkFingerprints<Request>(
  given: NonNullable<FlatRules<Request>["fingerprint"]>,
): readonly [Covered<Request>, ...Covered<Request>[]] {
  const isOne = (covered: unknown): boolean =>
    covered === "request" || covered === "body" || covered === "target" || typeof covered === "function";
  const list = Array.isArray(given) ? given : [given];
  if (list.length > 0 && list.every(isOne)) return list as [Covered<Request>];
  const expected = '"request", "body", "target" or a function of the request, or a list of them';
  throw invalidOptionError("fingerprint", expected, given);
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
