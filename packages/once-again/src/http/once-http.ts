import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { Execution, MessageFacts, Work } from "../engine/engine.ts";
import { NoEffectError } from "../engine/errors.ts";
import { hadNoEffect } from "../engine/execution.ts";
import type { RecordName } from "../stores/store.ts";
import { type Admission, admission } from "./admission.ts";
import { coveredFingerprint } from "./covered-parts.ts";
import type { CheckedHttpRules, HttpOptions } from "./http-options.ts";
import { identifyMessage, messageHandler } from "./identify.ts";
import { latestHandler } from "./latest.ts";
import { originForm } from "./origin-form.ts";
import { responseTo, responseToError, withHeader } from "./outcome-response.ts";
import type { IdempotencyPolicy } from "./policy.ts";
import { problem } from "./problem.ts";
import { reconcilingHandler } from "./reconcile.ts";
import { type HandlerResponse, type HttpHandler, type HttpResponse, responseCodec } from "./response.ts";
import { isSkipped, openRoute, type Route, takesKey } from "./route.ts";
import { runHandler } from "./run-handler.ts";
import { scopeAtPath, scopeOf } from "./scope.ts";

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
  body(bytesMax: number): Awaitable<Uint8Array<ArrayBuffer>>;
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
  /** The policy as a response header: `answer` sets it; a framework sets it on what passes through for its method. */
  readonly policyHeader: readonly [name: string, value: string];
  /**
   * Whether requests of a method take a key. One that passes through all the same was skipped. Its response must not carry
   * the policy: callers believe the policy, and would send such a request again after doubt.
   */
  takesKey(method: string): boolean;
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
  // The senders of messages know nothing of keys in headers.
  const withPolicy = (response: HttpResponse, native?: Request): HttpResponse =>
    rules.identify === undefined && (native === undefined || !isSkipped(rules, native))
      ? withHeader(response, policyHeader)
      : response;
  // A leased route passes on what it skips before it comes here.
  const skippable = ({ native }: HttpRequest<Request>): Request | undefined =>
    rules.transactional ? native : undefined;
  const withKey = (request: HttpRequest<Request>, response: HttpResponse): HttpResponse =>
    rules.profile.echoesKey ? echoedKey(rules, request, response) : response;
  return {
    policy,
    policyHeader,
    bodyBytesMax: rules.bodyBytesMax,
    resultBytesMax: rules.resultBytesMax,
    onError: rules.onError,
    takesKey: (method) => takesKey(route, method),
    refuse: (error) => withPolicy(responseToError(error, rules)),
    passing(method, native) {
      if (rules.transactional) return undefined;
      const passes = !takesKey(route, method) || (native !== undefined && isSkipped(rules, native));
      return passes ? (route.passingExecution() as Execution<Transaction>) : undefined;
    },
    answer: (request, handler) =>
      answer(route, request, handler).then(
        (response) => withKey(request, withPolicy(response, skippable(request))),
        (error: unknown) => withKey(request, withPolicy(responseToError(error, rules), skippable(request))),
      ),
    close: () => route.engine.close(),
  };
}

/** The response with the key of its request, as it was sent. */
function echoedKey<Request>(
  { keyHeader }: CheckedHttpRules<Request>,
  request: HttpRequest<Request>,
  response: HttpResponse,
): HttpResponse {
  const name = keyHeader.toLowerCase();
  const sent = request.headerValues(name);
  const isThere = sent.length === 0 || response.headers.some(([header]) => header.toLowerCase() === name);
  return isThere ? response : withHeader(response, [name, sent.join(", ")]);
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
  const covered = !skips && takesKey(route, method);
  const isMessage = covered && rules.identify !== undefined;
  const admitted = isMessage ? await admitMessage(rules, request) : admission(route, request, covered);
  if ("refused" in admitted) return problem(rules, admitted.refused, admitted.detail);
  const { key, isOld, message } = admitted;
  // Waited for in any case: whoever brought the request goes on first, and may listen to the end of its answer.
  const caller = await (skips ? "" : scopeOf(rules, native));
  const path = originForm(request.path);
  const scope = rules.profile.keysByPath && !skips ? await scopeAtPath(caller, path) : caller;
  if (key !== undefined && isOld && (await isForgotten(route, { scope, key }))) {
    return problem(rules, "ONCE_KEY_EXPIRED", tooOld);
  }
  // What is there already is not waited for: each wait makes as much anew as a claim.
  const read = message?.body ?? bodyOf(request, rules);
  const body = isPromise(read) ? await read : read;
  const told = message === undefined ? handler : messageHandler(ordered(route, handler, message.event), message.event);
  const run = rules.reconcile ? reconcilingHandler(told, rules.reconcile, native, options.steps.quiesceMs) : told;
  const work: Work<Transaction, HandlerResponse> = (execution) => runHandler(rules, run, body, execution);
  if (key === undefined) return (await engine.runUnkeyed(scope, work)).response;
  const taken = coveredFingerprint(rules, { method, path, query, contentType, body }, native);
  const fingerprint = isPromise(taken) ? await taken : taken;
  const operation = { scope, key, fingerprint, codec: responseCodec };
  if (rules.quota === undefined) return responseTo(await engine.run(operation, work), rules);
  const isCounted = quota.take(caller);
  if (!isCounted && (await isForgotten(route, { scope, key }))) return quotaExceeded(route);
  const watched = { storesNewKey: false };
  try {
    return responseTo(await engine.run(operation, watchKey(work, rules, watched)), rules);
  } finally {
    if (isCounted && !watched.storesNewKey) quota.giveBack(caller);
  }
}

/** The handler of a message, where the route says so only for one that is not older than what was handled. */
function ordered<Request, Transaction>(
  { rules: { latest }, moveMark }: Route<Request, Transaction>,
  handler: HttpHandler<Transaction>,
  event: MessageFacts,
): HttpHandler<Transaction> {
  return latest === undefined ? handler : latestHandler(handler, latest, moveMark!, event);
}

/** Reads a message, and asks the route's own rule what it is. */
async function admitMessage<Request>(
  rules: CheckedHttpRules<Request>,
  request: HttpRequest<Request>,
): Promise<Admission> {
  return identifyMessage(rules, request, await bodyOf(request, rules));
}

/** Notes whether a key is stored, or may be, that was not there before. */
function watchKey<Request, Transaction>(
  work: Work<Transaction, HandlerResponse>,
  { transactional }: CheckedHttpRules<Request>,
  watched: { storesNewKey: boolean },
): Work<Transaction, HandlerResponse> {
  return async (execution) => {
    watched.storesNewKey = !transactional && execution.attempt === 1;
    const result = await work(execution);
    const effect = hadNoEffect(execution) ? "none" : result.effect;
    if (transactional) watched.storesNewKey = effect === "done" || effect === "refused";
    else if (effect === "none") watched.storesNewKey = false;
    return result;
  };
}

const tooOld = "This key is older than results are kept. Find out what became of its operation.";

/** The caller shall come back when its scope has room for one more key. */
function quotaExceeded<Request, Transaction>({ rules, quota }: Route<Request, Transaction>): HttpResponse {
  const style = { ...rules, retryAfterSeconds: Math.ceil(quota.waitMs / 1000) };
  return problem(style, "ONCE_QUOTA_EXCEEDED", "Too many new keys of late. Come back later; nothing happened.");
}

/** Whether nothing is kept under a key: of an old one, it may have been. */
async function isForgotten<Request, Transaction>(
  { lookUp }: Route<Request, Transaction>,
  name: RecordName,
): Promise<boolean> {
  return (await lookUp(name)) === undefined;
}

function bodyOf<Request>(
  request: HttpRequest<Request>,
  rules: CheckedHttpRules<Request>,
): Awaitable<Uint8Array<ArrayBuffer>> {
  try {
    const body = request.body(rules.bodyBytesMax);
    return isPromise(body) ? body.catch((cause: unknown) => failBody(cause, rules)) : body;
  } catch (cause) {
    return failBody(cause, rules);
  }
}

function failBody<Request>(cause: unknown, { onError }: CheckedHttpRules<Request>): never {
  if (OnceAgainError.isInstance(cause)) throw cause;
  // The caller hung up, or its connection broke; or a fault here, which would otherwise be seen by nobody.
  if (cause instanceof TypeError) onError(cause);
  throw new NoEffectError("The request did not arrive whole. Nothing happened.", { cause });
}
