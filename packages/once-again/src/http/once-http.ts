import type { ErrorCode } from "../core/error-codes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { fingerprint } from "../key/index.ts";
import type { Engine } from "../engine/engine.ts";
import { type Execution, NoEffectError } from "../engine/execution.ts";
import { leasedEngine, unkeyedAttempt } from "../engine/leased-engine.ts";
import { type CheckedEngineOptions, checkedEngineOptions } from "../engine/options.ts";
import type { RecordName } from "../stores/store.ts";
import type { Outcome } from "../engine/outcome.ts";
import { type StoreDoor, storeDoor } from "../engine/store-door.ts";
import { transactionalEngine } from "../engine/transactional-engine.ts";
import { admission } from "./admission.ts";
import { decodeResponse, type HttpResponse } from "./response.ts";
import { type HttpHandler, handlerWork, type RunReport } from "./run-handler.ts";
import { type CheckedHttpRules, checkedHttpRules, engineOptionsOf, type HttpOptions } from "./http-options.ts";
import { type QuotaCount, quotaCount } from "./key-quota.ts";
import { originForm } from "./origin-form.ts";
import { type IdempotencyPolicy, idempotencyPolicy, policyHeader, policyHeaderName } from "./policy.ts";
import { isProblemCode, problem, type ProblemCode, type ProblemStyle } from "./problem.ts";
import { reconcilingHandler } from "./reconcile.ts";
import { scopeOf } from "./scope.ts";

/** What the caller gets an answer to, but somebody here must hear of. */
const forOperators: ReadonlySet<ErrorCode> = new Set([
  "ONCE_BODY_CONSUMED",
  "ONCE_HANDLER_TIMEOUT",
  "ONCE_MOUNTED_TWICE",
  "ONCE_RESULT_UNCONFIRMED",
  "ONCE_STORE_UNAVAILABLE",
]);

/** A request as the rules see it; each framework makes one of its own. */
export interface HttpRequest<Request> {
  /** The framework's own request, for `scope`. */
  native: Request;
  method: string;
  /** The full path as it was sent, with every mount point, without the query. */
  path: string;
  query: string;
  /** The `Content-Type` header, or an empty string. */
  contentType: string;
  /** Every value of the key's header. */
  keyValues: readonly string[];
  /** Reads the whole body; rejects with `ONCE_BODY_TOO_LARGE` when it is larger than `bytesMax`. */
  body(bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The rules of one route. */
export interface OnceHttp<Request, Transaction> {
  /**
   * What a handler is told of a request that passes through, since its method takes no key: run it as if we were not
   * there, streams and all. `undefined` for every other request.
   */
  passing(method: string): Execution<Transaction> | undefined;
  /** What the route says of itself: serve it as JSON where callers may look it up. */
  readonly policy: IdempotencyPolicy;
  /** The policy as a response header: `answer` sets it; a framework sets it on what passes through. */
  readonly policyHeader: readonly [name: string, value: string];
  /** The largest request body, bytes: for a framework that must read it before it asks for the answer. */
  readonly bodyBytesMax: number;
  /** The largest answer that is kept, bytes: a framework need not read on beyond it. */
  readonly resultBytesMax: number;
  /** Tells the route's `onError`, and never throws. */
  readonly onError: (error: unknown) => void;
  /** The answer to a request that must not come to its key, told to `onError` where operators have to act. */
  refuse(error: OnceAgainError): HttpResponse;
  /** Answers a request: by running the handler, or by what is known of its key. */
  answer(request: HttpRequest<Request>, handler: HttpHandler<Transaction>): Promise<HttpResponse>;
  /** Takes no new operations, and resolves when the running ones have ended and are kept. */
  close(): Promise<void>;
}

/**
 * The rules of draft-ietf-httpapi-idempotency-key-header-07, and what the field does where it is silent, on either
 * engine.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function onceHttp<Request, Transaction>(
  options: HttpOptions<Request, Transaction>,
): OnceHttp<Request, Transaction> {
  const rules = checkedHttpRules(options);
  const checked = checkedEngineOptions(engineOptionsOf(options));
  const { clock, retentionMs } = checked;
  const transactional = options.mode === "transactional";
  const engine = engineFor(options);
  const door = storeDoor(options.store, checked);
  // Only a leased route lets requests through, and its Transaction is undefined.
  const passing = (): Execution<Transaction> => passingExecution(door, checked) as Execution<Transaction>;
  const quota = quotaCount(rules.quota, clock);
  const say = (code: ProblemCode, detail: string): HttpResponse => problem(rules, code, detail);

  const reconciling = (handler: HttpHandler<Transaction>, native: Request): HttpHandler<Transaction> =>
    rules.reconcile ? reconcilingHandler(handler, rules.reconcile, native, options.quiesceMs ?? 0) : handler;
  const workOf = handlerWork<Transaction>({ ...rules, transactional, problem: say });
  const keyRules = { ...rules, retentionMs };
  const covers = (method: string): boolean => rules.methods.includes(method.toUpperCase());

  const answer = async (request: HttpRequest<Request>, handler: HttpHandler<Transaction>): Promise<HttpResponse> => {
    const { keyValues, method, native } = request;
    const admitted = admission(keyValues, covers(method), keyRules, clock.now());
    if ("refused" in admitted) return say(admitted.refused, admitted.detail);
    const { key, isOld } = admitted;
    const scope = await scopeOf(rules, native);
    if (key !== undefined && isOld && (await isForgotten(door, { scope, key }))) {
      return say("ONCE_KEY_EXPIRED", tooOld);
    }
    const body = await bodyOf(request, rules);
    const report: RunReport = { answer: undefined, keepsNewKey: false };
    const work = workOf(reconciling(handler, native), body, report, rules.onError);
    if (key === undefined) {
      const result = await engine.runUnkeyed(scope, work);
      return report.answer ?? decodeResponse(result);
    }
    const { query, contentType } = request;
    const print = await fingerprint({ method, path: originForm(request.path), query, contentType, body });
    const isCounted = quota.take(scope);
    if (!isCounted && (await isForgotten(door, { scope, key }))) return quotaExceeded(rules, quota);
    try {
      const outcome = await engine.run({ scope, key, fingerprint: print }, work);
      return outcome.kind === "executed" && report.answer !== undefined ? report.answer : answerTo(outcome, say);
    } finally {
      if (isCounted && !report.keepsNewKey) quota.giveBack(scope);
    }
  };

  const policy = idempotencyPolicy({ ...rules, retentionMs });
  const ofPolicy = [policyHeaderName, policyHeader(policy)] as const;
  const advertised = (answer: HttpResponse): HttpResponse => withHeader(answer, ...ofPolicy);

  return {
    policy,
    policyHeader: ofPolicy,
    bodyBytesMax: rules.bodyBytesMax,
    resultBytesMax: rules.resultBytesMax,
    onError: rules.onError,
    refuse: (error) => advertised(answerToError(error, rules)),
    passing: (method) => (transactional || covers(method) ? undefined : passing()),
    async answer(request, handler) {
      try {
        return advertised(await answer(request, handler));
      } catch (error) {
        return advertised(answerToError(error, rules));
      }
    },
    close: () => engine.close(),
  };
}

/** The answer to a request that failed outside its handler's own answers. */
function answerToError<Request>(error: unknown, rules: CheckedHttpRules<Request>): HttpResponse {
  if (isSetupFault(error)) {
    rules.onError(error);
    return problem(rules, "ONCE_OPTION_INVALID", "The service is set up wrongly. Nothing happened.");
  }
  if (OnceAgainError.isInstance(error) && isProblemCode(error.code) && error.code !== "ONCE_HANDLER_FAILED") {
    if (forOperators.has(error.code)) rules.onError(error);
    return problem(rules, error.code, error.message);
  }
  rules.onError(error);
  return problem(rules, "ONCE_HANDLER_FAILED", "The service failed. Ask again, with the same key, what became of it.");
}

/**
 * Whether a request failed before its handler ran, at what will not pass by itself: to invite a repeat, as for a store
 * that is down, would be no help.
 */
function isSetupFault(error: unknown): boolean {
  if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return true;
  // A claim that the store refuses to make, beneath what asked for it twice.
  const isRefusal = OnceAgainError.isInstance(error, "ONCE_STORE_UNAVAILABLE") || isGivenUp(error);
  return isRefusal && isSetupFault((error as Error).cause);
}

const isGivenUp = (error: unknown): boolean => OnceAgainError.isInstance(error, "ONCE_ATTEMPTS_EXHAUSTED");

function engineFor<Request, Transaction>(options: HttpOptions<Request, Transaction>): Engine<Transaction> {
  const engineOptions = engineOptionsOf(options);
  if (options.mode === "transactional") return transactionalEngine(options.store, engineOptions);
  // A leased route's Transaction is undefined: the frameworks' signatures see to that.
  return leasedEngine(options.store, engineOptions) as Engine<Transaction>;
}

function passingExecution(door: StoreDoor, options: CheckedEngineOptions): Execution {
  return { ...unkeyedAttempt(door, "", options), noEffect: () => undefined };
}

const tooOld = "This key is older than results are kept. Find out what became of its operation.";

/** The caller shall come back when its scope has room for one more key. */
function quotaExceeded(style: ProblemStyle, { waitMs }: QuotaCount): HttpResponse {
  const comeBack = { ...style, retryAfterSeconds: Math.ceil(waitMs / 1000) };
  return problem(comeBack, "ONCE_QUOTA_EXCEEDED", "Too many new keys of late. Come back later; nothing happened.");
}

/** Whether nothing is kept under a key: of an old one, it may have been. */
async function isForgotten(door: StoreDoor, name: RecordName): Promise<boolean> {
  return (await door.lookUp(name)) === undefined;
}

async function bodyOf<Request>(
  request: HttpRequest<Request>,
  { bodyBytesMax, onError }: CheckedHttpRules<Request>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await request.body(bodyBytesMax);
  } catch (cause) {
    if (OnceAgainError.isInstance(cause)) throw cause;
    // The caller hung up, or its connection broke; or a fault here, which would otherwise be seen by nobody.
    if (cause instanceof TypeError) onError(cause);
    throw new NoEffectError("The request did not arrive whole. Nothing happened.", { cause });
  }
}

/** The answer to a request whose work did not run, or whose key went to another meanwhile. */
function answerTo(outcome: Outcome, say: (code: ProblemCode, detail: string) => HttpResponse): HttpResponse {
  switch (outcome.kind) {
    case "executed":
      return decodeResponse(outcome.result);
    case "replayed":
      return withHeader(decodeResponse(outcome.result), "idempotent-replayed", "true");
    case "in-progress":
      return say("ONCE_IN_PROGRESS", "The operation with this key is still running. Ask again with the same key.");
    case "mismatch":
      return say(
        "ONCE_KEY_REUSED",
        "This key was used before with another request. Use a new key for a new operation.",
      );
    case "outcome-unknown":
      return say(
        "ONCE_OUTCOME_UNKNOWN",
        "An earlier attempt at this operation ended without a word, so it may or may not have happened. It is held " +
          "until a person has looked; don't send it under another key.",
      );
  }
}

function withHeader({ headers, ...answer }: HttpResponse, name: string, value: string): HttpResponse {
  return { ...answer, headers: [...headers, [name, value]] };
}
