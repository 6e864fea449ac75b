import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { ErrorListener } from "../core/listener.ts";
import { requireBoolean } from "../core/options.ts";
import {
  type Execution,
  type MessageFacts,
  NoEffectError,
  type OpenAttempt,
  type Outcome,
  type WorkResult,
} from "../engine/engine.ts";
import { hadNoEffect } from "../engine/execution.ts";
import { openEngine, type RoomEngine } from "../engine/open-engine.ts";
import type { RecordName } from "../stores/store.ts";
import { type CheckedHttpRules, checkHttpRules, type RouteRules } from "./checked-rules.ts";
import { type FlatOptions, flattenOptions, optionPath } from "./flat-options.ts";
import type { HttpOptions } from "./http-options.ts";
import { resultOfError, resultOfResponse } from "./handler-effect.ts";
import { type QuotaCount, quotaCount } from "./key-quota.ts";
import { responseToOlder } from "./out-of-order-events.ts";
import { coveredFingerprint, identifyMessage, originForm, readKey, scopeAtPath, scopeOf } from "./request-identity.ts";
import { type IdempotencyPolicy, idempotencyPolicy, policyHeader, policyHeaderName } from "./profile.ts";
import { lookedUpResponse } from "./reconcile.ts";
import {
  type HandlerResponse,
  type HttpHandler,
  type HttpResponse,
  responseCodec,
  responseOf,
  withHeader,
} from "./response.ts";
import { problem, type ProblemStyle, refusalTo, responseToError } from "./refusals.ts";

/** A request as the rules see it; each framework makes its own. */
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
  /** How long the process has left, milliseconds, where its platform ends it then; default for ever. */
  readonly timeLeftMs?: number | undefined;
}

/** A route of any framework that runs each of its operations once. */
export interface OnceRoute {
  /** The route's policy: serve it as JSON where callers may look it up. */
  readonly policy: IdempotencyPolicy;
  /** Takes no new operations, and resolves when the running ones have ended and are stored. */
  close(): Promise<void>;
}

/** The rules of one route. */
export interface OnceHttp<Request, Transaction> extends OnceRoute {
  /**
   * The execution of a request that passes through, since its method takes no key, or the route skips it: run its handler
   * on the request as it is, streams and all. `undefined` for every other request.
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
  /** The largest response that is stored, bytes: a framework need not read on beyond it. */
  readonly resultBytesMax: number;
  /** Calls the route's `onError`. It never throws. */
  readonly onError: ErrorListener;
  /** The response to a request that must not claim its key; `onError` gets the error where operators have to act. */
  refuse(error: OnceAgainError): HttpResponse;
  /**
   * Opens a request's operation: an attempt to be settled by the handler's response, or a response where the
   * handler must not run. Never rejects, and never answers at once: the caller of this function goes on first, and may attach
   * listeners to its response.
   */
  open(request: HttpRequest<Request>): Promise<HttpResponse | HttpAttempt<Transaction>>;
  /** The same for a handler that may run again: runs it, or not, and resolves with the response to send. */
  answer(request: HttpRequest<Request>, handler: HttpHandler<Transaction>): Promise<HttpResponse>;
}

/**
 * The rules of draft-ietf-httpapi-idempotency-key-header-07, and what the field does where it is silent, on either
 * engine.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function onceHttp<Request, Transaction = undefined>(
  options: HttpOptions<Request, Transaction>,
): OnceHttp<Request, Transaction> {
  const route = openRoute(flattenOptions(options));
  const { rules, policy } = route;
  // The senders of messages know nothing of keys in headers.
  const withPolicy = (response: HttpResponse, native?: Request): HttpResponse =>
    rules.identify === undefined && (native === undefined || !isSkipped(rules, native))
      ? withHeader(response, route.policyHeader)
      : response;
  // A leased route passes on what it skips before it comes here.
  const skippable = ({ native }: HttpRequest<Request>): Request | undefined =>
    rules.transactional ? native : undefined;
  const open = (request: HttpRequest<Request>): Promise<HttpResponse | HttpAttempt<Transaction>> => {
    // Before its handler runs, which may change the headers of the request.
    const echo = rules.profile.echoesKey ? keyEcho(rules, request) : undefined;
    const finish = (response: HttpResponse): HttpResponse => withEcho(withPolicy(response, skippable(request)), echo);
    return openAttempt(route, request, finish);
  };
  return {
    policy,
    policyHeader: route.policyHeader,
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
    open,
    async answer(request, handler) {
      const opened = await open(request);
      return opened instanceof HttpAttempt ? opened.run(handler) : opened;
    },
    close: () => route.engine.close(),
  };
}

/** One route: its checked rules, and the engine under them. */
interface Route<Request, Transaction> extends RoomEngine<Transaction> {
  readonly rules: RouteRules<Request>;
  readonly quota: QuotaCount;
  readonly policy: IdempotencyPolicy;
  readonly policyHeader: readonly [name: string, value: string];
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
function openRoute<Request, Transaction>(options: FlatOptions<Request, Transaction>): Route<Request, Transaction> {
  const checked = checkHttpRules(options);
  const room = openEngine(options, optionPath);
  const rules: RouteRules<Request> = {
    ...checked,
    retryAfter: (leastSeconds = checked.retryAfterSeconds) => room.retryAfterSeconds(leastSeconds),
  };
  const policy = idempotencyPolicy({ ...rules, retentionMs: room.options.retentionMs });
  return {
    ...room,
    rules,
    quota: quotaCount(rules.quota, room.options.clock),
    policy,
    policyHeader: [policyHeaderName, policyHeader(policy)],
  };
}

/** Whether requests of a method take a key. */
function takesKey({ rules }: Pick<Route<never, never>, "rules">, method: string): boolean {
  return rules.identify !== undefined || rules.methods.includes(method.toUpperCase());
}

/** Whether a route's own rule has a request pass through. A rule that can't say so skips nothing. */
function isSkipped<Request>({ skip, onError }: CheckedHttpRules<Request>, native: Request): boolean {
  if (skip === undefined) return false;
  try {
    return requireBoolean("skip()", skip(native));
  } catch (error) {
    onError(error);
    return false;
  }
}

/** The header with the key of a request, as it was sent. */
function keyEcho<Request>(
  { keyHeader }: CheckedHttpRules<Request>,
  request: HttpRequest<Request>,
): readonly [name: string, value: string] | undefined {
  const name = keyHeader.toLowerCase();
  const values = request.headerValues(name);
  return values.length === 0 ? undefined : [name, values.join(", ")];
}

function withEcho(response: HttpResponse, echo: readonly [name: string, value: string] | undefined): HttpResponse {
  const isThere = echo === undefined || response.headers.some(([name]) => name.toLowerCase() === echo[0]);
  return isThere ? response : withHeader(response, echo);
}

/** Adds the headers that every response of a route has. */
type Finish = (response: HttpResponse) => HttpResponse;

/** The operation of a request, or the response that refuses it. Never rejects. */
async function openAttempt<Request, Transaction>(
  route: Route<Request, Transaction>,
  request: HttpRequest<Request>,
  finish: Finish,
): Promise<HttpResponse | HttpAttempt<Transaction>> {
  const { rules } = route;
  let scope: string | undefined;
  let key: string | undefined;
  try {
    // A leased route has skipped its requests before.
    if (rules.transactional && isSkipped(rules, request.native)) return await openUnkeyed(route, request, "", finish);
    if (!takesKey(route, request.method)) {
      scope = await keyScope(rules, await scopeOf(rules, request.native), request);
      return await openUnkeyed(route, request, scope, finish);
    }
    if (rules.identify !== undefined) return await openMessage(route, request, finish);
    const requestKey = readKey(route, request);
    if (requestKey.kind === "refused") return finish(problem(rules, requestKey.code, requestKey.detail));
    if (requestKey.kind === "key") key = requestKey.key;
    const naming = scopeOf(rules, request.native);
    // A value that is there already is not awaited: each wait allocates as much as a claim.
    const caller = isPromise(naming) ? await naming : naming;
    const scoping = keyScope(rules, caller, request);
    scope = isPromise(scoping) ? await scoping : scoping;
    if (requestKey.kind === "no-key") return await openUnkeyed(route, request, scope, finish);
    key = requestKey.key;
    if (requestKey.isOld && (await isForgotten(route, { scope, key })))
      return finish(problem(rules, "ONCE_KEY_EXPIRED", tooOld));
    const reading = readBody(request, rules);
    const body = isPromise(reading) ? await reading : reading;
    return await openKeyed(route, request, { caller, scope, key, body, event: undefined }, finish);
  } catch (error) {
    const { method, path } = request;
    return finish(responseToError(error, rules, { room: "route", method, path: originForm(path), scope, key }));
  }
}

/** An operation that the sender's own message names. */
async function openMessage<Request, Transaction>(
  route: Route<Request, Transaction>,
  request: HttpRequest<Request>,
  finish: Finish,
): Promise<HttpResponse | HttpAttempt<Transaction>> {
  const { rules } = route;
  const body = await readBody(request, rules);
  const identity = await identifyMessage(rules, request, body);
  if (identity.kind === "refused") return finish(problem(rules, identity.code, identity.detail));
  const { key, event } = identity;
  const caller = await scopeOf(rules, request.native);
  const scope = await keyScope(rules, caller, request);
  return openKeyed(route, request, { caller, scope, key, body, event }, finish);
}

/** A request without a key runs as often as it is sent. */
async function openUnkeyed<Request, Transaction>(
  route: Route<Request, Transaction>,
  request: HttpRequest<Request>,
  scope: string,
  finish: Finish,
): Promise<HttpResponse | HttpAttempt<Transaction>> {
  const { rules, engine } = route;
  const body = await readBody(request, rules);
  const respondEarly = earlyResponse(route, request.native, undefined, body);
  const parts = { rules, body, finish, respondEarly, giveKeyBack: undefined };
  return attemptOrResponse(await engine.openUnkeyed<HandlerResponse>(scope), parts);
}

/** The scope of a caller's keys: its name alone, or with the path where the profile has keys for each path. */
function keyScope(
  { profile }: CheckedHttpRules<never>,
  caller: string,
  request: { readonly path: string },
): Awaitable<string> {
  return profile.keysByPath ? scopeAtPath(caller, originForm(request.path)) : caller;
}

/** The operation of a request, read and named. */
interface NamedRequest extends RecordName {
  /** The scope without its path, by which keys are counted. */
  readonly caller: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly event: MessageFacts | undefined;
}

async function openKeyed<Request, Transaction>(
  route: Route<Request, Transaction>,
  request: HttpRequest<Request>,
  { caller, scope, key, body, event }: NamedRequest,
  finish: Finish,
): Promise<HttpResponse | HttpAttempt<Transaction>> {
  const { rules, engine, quota } = route;
  const { method, query, contentType, native, timeLeftMs } = request;
  const path = originForm(request.path);
  const hashed = { method, path, query, contentType, body };
  const [covered, ...earlier] = rules.fingerprints;
  const hashing = coveredFingerprint(covered, rules.onError, hashed, native);
  const fingerprint = isPromise(hashing) ? await hashing : hashing;
  const earlierFingerprints =
    earlier.length === 0
      ? undefined
      : await Promise.all(earlier.map(async (one) => coveredFingerprint(one, rules.onError, hashed, native)));
  const details = rules.describe?.(request, hashed);
  const giveKeyBack = takeQuota(route, caller);
  if (giveKeyBack === undefined && rules.quota !== undefined && (await isForgotten(route, { scope, key }))) {
    return finish(quotaExceeded(rules, quota));
  }
  try {
    const { onEarlierFingerprint } = rules;
    const named = { scope, key, fingerprint, earlierFingerprints, onEarlierFingerprint };
    const opening = engine.open({ ...named, codec: responseCodec, details, timeLeftMs });
    const opened = isPromise(opening) ? await opening : opening;
    if (opened.kind !== "attempt") giveKeyBack?.();
    const respondEarly = earlyResponse(route, native, event, body);
    return attemptOrResponse(opened, { rules, body, finish, respondEarly, giveKeyBack });
  } catch (error) {
    giveKeyBack?.();
    throw error;
  }
}

function attemptOrResponse<Transaction>(
  opened: OpenAttempt<Transaction, HandlerResponse> | Outcome<HandlerResponse>,
  parts: AttemptParts<Transaction>,
): HttpResponse | HttpAttempt<Transaction> {
  return opened.kind === "attempt" ? new HttpAttempt(opened, parts) : responseTo(opened, parts);
}

/** The response with an operation's result, or with the reason why it has no result yet. */
function responseTo(
  outcome: Outcome<HandlerResponse>,
  { finish, rules }: Pick<AttemptParts<never>, "finish" | "rules">,
): HttpResponse {
  return finish("result" in outcome ? responseOf(outcome) : refusalTo(outcome.kind, rules));
}

/** The parts of an attempt that its request determines. */
interface AttemptParts<Transaction> {
  readonly rules: RouteRules<never>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Finds the response that needs no handler: a looked-up outcome, or one to a message that is older than the last. */
  readonly respondEarly: ((execution: Execution<Transaction>) => Promise<HttpResponse | undefined>) | undefined;
  /** Gives a new key back to its quota, where none was stored. */
  readonly giveKeyBack: (() => void) | undefined;
  /** Adds the headers that every response of the route has. */
  readonly finish: (response: HttpResponse) => HttpResponse;
}

/** A request with an operation that may run. The response of its handler settles it. */
export class HttpAttempt<Transaction> {
  readonly #attempt: OpenAttempt<Transaction, HandlerResponse>;
  readonly #parts: AttemptParts<Transaction>;
  #hasGivenBack = false;
  #failure: { error: unknown; response: HttpResponse } | undefined;

  /** @internal */
  constructor(attempt: OpenAttempt<Transaction, HandlerResponse>, parts: AttemptParts<Transaction>) {
    this.#attempt = attempt;
    this.#parts = parts;
  }

  /** The operation, as its handler sees it: pass it to users as `userExecution(execution)`. */
  get execution(): Execution<Transaction> {
    return this.#attempt.execution;
  }

  get body(): Uint8Array<ArrayBuffer> {
    return this.#parts.body;
  }

  /** The response that makes a run of the handler unnecessary. `undefined`: it runs. */
  respondEarly(): Awaitable<HttpResponse | undefined> {
    return this.#parts.respondEarly?.(this.execution);
  }

  /**
   * Ends the attempt by its handler's response.
   *
   * @returns the response to send, once the store has it. It never rejects.
   */
  settle(response: HttpResponse): Awaitable<HttpResponse> {
    let result: WorkResult<HandlerResponse>;
    try {
      result = resultOfResponse(response, this.#parts.rules);
    } catch (error) {
      return this.fail(error);
    }
    return this.#end(result);
  }

  /** The same for a handler that threw. */
  fail(error: unknown): Awaitable<HttpResponse> {
    return this.#end(resultOfError(error, this.#parts.rules, this.execution));
  }

  /** Calls a function with a response to send when the handler has taken longer than it may. */
  whenTimeIsOver(respond: (response: HttpResponse) => void): void {
    this.#attempt.whenTimeIsOver((error) => {
      if (this.#parts.rules.transactional) this.#giveKeyBack();
      respond(this.#responseToError(error));
    });
  }

  /** Calls a function when the handler has to run again: what it did before was rolled back. */
  whenRunAgain(listener: () => void): void {
    this.#attempt.whenRunAgain(listener);
  }

  /** Runs a handler that may run again, and settles the attempt. */
  run(handler: HttpHandler<Transaction>): Promise<HttpResponse> {
    return new Promise((resolve) => {
      const runOnce = async (): Promise<void> => {
        let response: HttpResponse;
        try {
          const early = this.respondEarly();
          response = (early && (await early)) ?? (await handler(this.execution, this.body));
        } catch (error) {
          return resolve(this.fail(error));
        }
        resolve(this.settle(response));
      };
      this.whenTimeIsOver(resolve);
      this.whenRunAgain(() => void runOnce());
      void runOnce();
    });
  }

  #end(result: WorkResult<HandlerResponse>): Awaitable<HttpResponse> {
    if (!this.#storesNewKey(result.effect)) this.#giveKeyBack();
    const settling = this.#attempt.settle(result);
    if (!isPromise(settling)) return responseTo(settling, this.#parts);
    return settling.then(
      (outcome) => responseTo(outcome, this.#parts),
      (error: unknown) => this.#responseToError(error),
    );
  }

  /** A transaction that ran out of time may end a second time. */
  #giveKeyBack(): void {
    if (!this.#hasGivenBack) this.#parts.giveKeyBack?.();
    this.#hasGivenBack = true;
  }

  /** Whether a key is stored, or may be, that was not there before. */
  #storesNewKey(effect: WorkResult["effect"]): boolean {
    const effective = hadNoEffect(this.execution) ? "none" : effect;
    if (this.#parts.rules.transactional) return effective === "done" || effective === "refused";
    return this.execution.attempt === 1 && effective !== "none";
  }

  /** Each run of a handler that ran again is settled by the operation's one error, which is reported once. */
  #responseToError(error: unknown): HttpResponse {
    const { finish, rules } = this.#parts;
    const { scope, key } = this.execution;
    if (this.#failure === undefined || this.#failure.error !== error) {
      this.#failure = { error, response: finish(responseToError(error, rules, { room: "route", scope, key })) };
    }
    return this.#failure.response;
  }
}

/** Counts a key. @returns a function that uncounts it, where the scope has room for one more. */
function takeQuota<Request, Transaction>(
  { rules, quota }: Route<Request, Transaction>,
  caller: string,
): (() => void) | undefined {
  return rules.quota !== undefined && quota.take(caller) ? () => quota.giveBack(caller) : undefined;
}

/** Finds, before the handler runs, the response that makes a run unnecessary. */
function earlyResponse<Request, Transaction>(
  { rules: { latest, reconcile }, options, moveMark }: Route<Request, Transaction>,
  native: Request,
  event: MessageFacts | undefined,
  body: Uint8Array<ArrayBuffer>,
): AttemptParts<Transaction>["respondEarly"] {
  if (event === undefined && reconcile === undefined) return undefined;
  return async (execution) => {
    if (event !== undefined) Object.assign(execution, { event });
    const looked = reconcile && (await lookedUpResponse(execution, reconcile, native, options.steps));
    if (looked !== undefined || event === undefined || latest === undefined) return looked;
    return responseToOlder(execution, latest, moveMark!, event, body);
  };
}

const tooOld = "This key is older than results are stored. Find out what became of its operation.";

/** The caller shall come back when its scope has room for one more key. */
function quotaExceeded(rules: ProblemStyle, quota: QuotaCount): HttpResponse {
  const detail = "Too many new keys of late. Come back later; nothing happened.";
  return problem(rules, "ONCE_QUOTA_EXCEEDED", detail, Math.ceil(quota.waitMs / 1000));
}

/** Whether a key has no record: an old key may have had one. */
async function isForgotten<Request, Transaction>(
  { lookUp }: Route<Request, Transaction>,
  name: RecordName,
): Promise<boolean> {
  return (await lookUp(name)) === undefined;
}

function readBody<Request>(
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
  if (isTooLarge(cause)) {
    throw new OnceAgainError("ONCE_BODY_TOO_LARGE", "The request's body is larger than this server allows.", { cause });
  }
  // The caller hung up, or its connection broke; or a fault here, which would not be seen otherwise.
  if (cause instanceof TypeError) onError(cause);
  throw new NoEffectError("The request did not arrive whole. Nothing happened.", { cause });
}

/** Whether reading met a bound of the server in front, such as SvelteKit's or srvx's: a repeat would meet it again. */
function isTooLarge(cause: unknown): boolean {
  return cause instanceof Error && "status" in cause && cause.status === 413;
}
