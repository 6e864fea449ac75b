import { OnceAgainError } from "../core/errors.ts";
import type { Execution, Work } from "../engine/engine.ts";
import { NoEffectError } from "../engine/errors.ts";
import type { RecordName } from "../stores/store.ts";
import { admission } from "./admission.ts";
import { coveredFingerprint } from "./covered-parts.ts";
import type { CheckedHttpRules, HttpOptions } from "./http-options.ts";
import { originForm } from "./origin-form.ts";
import { responseTo, responseToError, withHeader } from "./outcome-response.ts";
import type { IdempotencyPolicy } from "./policy.ts";
import { problem } from "./problem.ts";
import { reconcilingHandler } from "./reconcile.ts";
import { type HandlerResponse, type HttpHandler, type HttpResponse, responseCodec } from "./response.ts";
import { isSkipped, openRoute, passingExecution, type Route, takesKey } from "./route.ts";
import { runHandler } from "./run-handler.ts";
import { scopeOf } from "./scope.ts";

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
  /** Every value of one header, as they came. */
  headerValues(lowerCaseName: string): readonly string[];
  /** Reads the whole body; rejects with `ONCE_BODY_TOO_LARGE` when it is larger than `bytesMax`. */
  body(bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A route of any framework that runs each of its operations once. */
export interface OnceRoute {
  /** What the route says of itself: serve it as JSON where callers may look it up. */
  readonly policy: IdempotencyPolicy;
  /** Takes no new operations, and resolves when the running ones have ended and are stored. */
  close(): Promise<void>;
}

/** The rules of one route. */
export interface OnceHttp<Request, Transaction> extends OnceRoute {
  /**
   * What a handler is told of a request that passes through, since its method takes no key, or the route skips it: run it
   * as if we were not there, streams and all. `undefined` for every other request.
   *
   * @param native the framework's own request; without it, the route is not asked whether it skips it.
   */
  passing(method: string, native?: Request): Execution<Transaction> | undefined;
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
  const route = openRoute(options);
  const { rules, policy, policyHeader } = route;
  return {
    policy,
    policyHeader,
    bodyBytesMax: rules.bodyBytesMax,
    resultBytesMax: rules.resultBytesMax,
    onError: rules.onError,
    refuse: (error) => withHeader(responseToError(error, rules), ...policyHeader),
    passing(method, native) {
      if (rules.transactional) return undefined;
      const passes = !takesKey(route, method) || (native !== undefined && isSkipped(rules, native));
      return passes ? passingExecution(route) : undefined;
    },
    async answer(request, handler) {
      try {
        return withHeader(await answer(route, request, handler), ...policyHeader);
      } catch (error) {
        return withHeader(responseToError(error, rules), ...policyHeader);
      }
    },
    close: () => route.engine.close(),
  };
}

/** Answers one request: what its key's header says, whose it is, what it is; then the engine runs it, or knows of it. */
async function answer<Request, Transaction>(
  route: Route<Request, Transaction>,
  request: HttpRequest<Request>,
  handler: HttpHandler<Transaction>,
): Promise<HttpResponse> {
  const { rules, options, engine, quota } = route;
  const { method, query, contentType, native } = request;
  // What a leased route skips did not come here.
  const skips = rules.transactional && isSkipped(rules, native);
  const headerValues = (name: string): readonly string[] => request.headerValues(name);
  const admitted = admission(route, headerValues, !skips && takesKey(route, method));
  if ("refused" in admitted) return problem(rules, admitted.refused, admitted.detail);
  const { key, isOld } = admitted;
  const scope = skips ? "" : await scopeOf(rules, native);
  if (key !== undefined && isOld && (await isForgotten(route, { scope, key }))) {
    return problem(rules, "ONCE_KEY_EXPIRED", tooOld);
  }
  const body = await bodyOf(request, rules);
  const run = rules.reconcile ? reconcilingHandler(handler, rules.reconcile, native, options.steps.quiesceMs) : handler;
  const work: Work<Transaction, HandlerResponse> = (attempt) => runHandler(rules, run, body, attempt);
  if (key === undefined) return (await engine.runUnkeyed(scope, work)).response;
  const path = originForm(request.path);
  const print = await coveredFingerprint(rules, { method, path, query, contentType, body }, native);
  const operation = { scope, key, fingerprint: print, codec: responseCodec };
  if (rules.quota === undefined) return responseTo(await engine.run(operation, work), rules);
  const isCounted = quota.take(scope);
  if (!isCounted && (await isForgotten(route, { scope, key }))) return quotaExceeded(route);
  const use = { storesNewKey: false };
  try {
    return responseTo(await engine.run(operation, watchedWork(work, rules, use)), rules);
  } finally {
    if (isCounted && !use.storesNewKey) quota.giveBack(scope);
  }
}

/** Notes whether a key is stored, or may be, that was not there before. */
function watchedWork<Request, Transaction>(
  work: Work<Transaction, HandlerResponse>,
  { transactional }: CheckedHttpRules<Request>,
  use: { storesNewKey: boolean },
): Work<Transaction, HandlerResponse> {
  return async (attempt) => {
    use.storesNewKey = !transactional && attempt.attempt === 1;
    const worked = await work(attempt);
    if (transactional) use.storesNewKey = worked.effect === "done" || worked.effect === "refused";
    else if (worked.effect === "none") use.storesNewKey = false;
    return worked;
  };
}

const tooOld = "This key is older than results are kept. Find out what became of its operation.";

/** The caller shall come back when its scope has room for one more key. */
function quotaExceeded<Request, Transaction>({ rules, quota }: Route<Request, Transaction>): HttpResponse {
  const comeBack = { ...rules, retryAfterSeconds: Math.ceil(quota.waitMs / 1000) };
  return problem(comeBack, "ONCE_QUOTA_EXCEEDED", "Too many new keys of late. Come back later; nothing happened.");
}

/** Whether nothing is kept under a key: of an old one, it may have been. */
async function isForgotten<Request, Transaction>(
  { door }: Route<Request, Transaction>,
  name: RecordName,
): Promise<boolean> {
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
