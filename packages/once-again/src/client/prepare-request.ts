import { errorText } from "../core/error-text.ts";
import { checkNames, type OptionNames, refuseMisspelt } from "../core/option-names.ts";
import { fromOne, wholeFromOne } from "../core/options.ts";
import { type Attempt, eitherSignal } from "../retry/attempt.ts";
import { type OuterAttempt, readForeignAttempt, writeAttempt } from "./attempt-headers.ts";
import { discardBody, readAhead, type ReadBounds, readStream } from "./read-stream.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { isForeignResponse } from "./foreign-response.ts";
import { followRedirects, type Hop, isRedirect, mustFollowRedirects } from "./follow-redirects.ts";
import {
  type Body,
  type BodyCopy,
  type BodyFactory,
  type CallLimits,
  copyBody,
  makeBody,
  refuseOneShot,
  type RetryingRequestInit,
} from "./request-body.ts";
import { responseSaysNoEffect } from "./no-effect-problem.ts";
import { ensureKey } from "./operation-key.ts";
import { type Repeats, repeatsOf } from "./repeats.ts";
import type { ResponseHead } from "./should-retry.ts";

/** A request that can be sent any number of times, the same each time. */
export interface SendableRequest<Res extends ResponseHead> {
  readonly method: string;
  readonly origin: string;
  /** Origin and path, fit for logs. */
  readonly url: string;
  readonly key: string | undefined;
  /** Whether it may be sent again after an attempt that may have arrived. */
  readonly repeats: Repeats;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** The attempt that the whole call is part of. */
  readonly outer?: OuterAttempt | undefined;
  /** The limits of this call instead of the options that all calls share; missing: no others. */
  readonly limits?: CallLimits | undefined;
  /** How long it took to prepare it, which the deadline counts too, in milliseconds; missing: no time. */
  readonly preparedMs?: number | undefined;
  /**
   * Whether it fails before anything leaves, and fails again, such as one of a scheme that the platform serves by itself (`blob:`,
   * `data:`); missing: it does not.
   */
  isLocal?(): boolean;
  /** @param onSend is called just before the first byte may leave. */
  send(attemptSignal: AbortSignal, attempt: Attempt, onSend: () => void): Promise<Res>;
  /** Whether a response is a problem by which a server of once-again says that nothing happened; missing: none is. */
  saysNoEffect?(response: Res): boolean | Promise<boolean>;
  /** Where a success comes from that is another request's; `undefined` for the request's own. Missing: all are. */
  foreignUrl?(response: Res): string | undefined;
  /** The error that the client made of a response; missing: it makes none. */
  errorOf?(response: Res): unknown;
  /** Discards a response that will not be read; the promise it returns resolves when the connection is free again. */
  discard(response: Res): void | Promise<void>;
}

/**
 * Reads the arguments of a `fetch`, names the operation and takes hold of its body's bytes: at once, but for a body that has to
 * be read.
 *
 * @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE`, `ONCE_BODY_TOO_LARGE`, `ONCE_DEADLINE_EXCEEDED`,
 *   `ONCE_KEY_INVALID`, `ONCE_OPTION_INVALID`; TypeError, as `fetch` does, for arguments that are no request.
 */
export function prepareRequest(
  input: string | URL | Request,
  init: RetryingRequestInit,
  settings: FetchSettings,
): SendableRequest<Response> | Promise<SendableRequest<Response>> {
  const { bodyBytesMax, policy } = settings;
  const { clock } = policy;
  const { body: given, signal: givenSignal, within } = init;
  const { limits, rest } = readInit(input, init);
  const factory = typeof given === "function" ? given : undefined;
  // The bytes stand in for what the factory will make, so that a method which takes no body is found out now.
  const body = factory === undefined ? (given as Exclude<typeof given, BodyFactory>) : new Uint8Array();
  refuseOneShot(body);
  const own = checkSignal(givenSignal === undefined && input instanceof Request ? input.signal : givenSignal);
  const signal = within?.signal ? eitherSignal(own, within.signal) : own;
  signal?.throwIfAborted();

  // Only of a Request may the body have to be read.
  const startedAt = input instanceof Request ? clock.monotonic() : undefined;
  const bounds = { bytesMax: bodyBytesMax, msMax: limits.timeoutMs ?? policy.timeoutMs, clock, signal };
  const prepare = (request: ReadRequest): SendableRequest<Response> =>
    new FetchRequest(request, settings, { factory, limits, rest, signal, startedAt, within });
  const request = readRequest(input, rest, body, bounds);
  return request instanceof Promise ? request.then(prepare) : prepare(request);
}

/** The arguments of a `fetch` that are looked after apart from the request that they describe. */
interface RequestParts {
  /** Makes the body anew for each attempt; `undefined`: its bytes are those of the request. */
  readonly factory: BodyFactory | undefined;
  readonly limits: CallLimits;
  /** The other arguments of the `fetch`. */
  readonly rest: RequestInit;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** When reading its body began, by the monotonic clock; `undefined`: nothing had to be read. */
  readonly startedAt: number | undefined;
  readonly within: OuterAttempt | undefined;
}

/** A request of `fetch`. A class, since each call makes one: its functions are not made anew. */
class FetchRequest implements SendableRequest<Response> {
  readonly method: string;
  readonly origin: string;
  readonly url: string;
  readonly key: string | undefined;
  readonly repeats: Repeats;
  readonly signal: AbortSignal | undefined;
  readonly outer: OuterAttempt | undefined;
  readonly limits: CallLimits;
  readonly preparedMs: number;
  readonly #request: ReadRequest;
  readonly #settings: FetchSettings;
  readonly #factory: BodyFactory | undefined;
  readonly #rest: RequestInit;
  /** Whether redirects are followed by us. */
  readonly #follows: boolean;

  constructor(request: ReadRequest, settings: FetchSettings, parts: RequestParts) {
    const { factory, limits, rest, signal, startedAt, within } = parts;
    const { method, url, headers, target } = request;
    const { origin } = url;
    const outer = within ?? readForeignAttempt(headers);
    const key = ensureKey(method, headers, settings, settings.keys.makesKeys && outer === undefined);
    const place = origin === "null" ? url.protocol : origin + url.pathname;
    this.method = method;
    this.origin = origin;
    this.url = place;
    this.key = key;
    this.repeats = repeatsOf({ method, key, origin, url: place, repeatable: limits.repeatable }, settings);
    this.signal = signal;
    this.outer = outer;
    this.limits = limits;
    this.preparedMs = startedAt === undefined ? 0 : settings.policy.clock.monotonic() - startedAt;
    this.#request = request;
    this.#settings = settings;
    this.#factory = factory;
    this.#rest = rest;
    // A Request has the settings of both arguments.
    this.#follows = mustFollowRedirects(method, target instanceof Request ? target : rest);
  }

  isLocal(): boolean {
    return localScheme.test(this.#request.url.protocol);
  }

  saysNoEffect(response: Response): Promise<boolean> {
    return responseSaysNoEffect(response);
  }

  foreignUrl(response: Response): string | undefined {
    const { method, origin } = this;
    const request = { method, origin, headers: this.#request.headers };
    return isForeignResponse(response, request, this.#settings.trustsRedirect) ? response.url : undefined;
  }

  discard(response: Response): Promise<void> {
    return discardBody(response, this.#settings.policy.clock);
  }

  async send(attemptSignal: AbortSignal, { number, remainingMs }: Attempt, onSend: () => void): Promise<Response> {
    const request = this.#request;
    const { attemptHeaders, readBodyBytesMax } = this.#settings;
    const headers = new Headers(request.headers);
    writeAttempt(headers, attemptHeaders, { number: this.outer?.number ?? number, remainingMs });
    // The attempt's signal is done when the response begins; the caller's may still abort the response's body.
    const bounded = eitherSignal(this.signal, attemptSignal);
    const first: Hop = { url: request.url, method: request.method, headers, hasBody: true };
    let response = await this.#sendTo(request.target, first, bounded, onSend);
    requireResponse(response);
    if (this.#follows && isRedirect(response)) {
      const followHop = (hop: Hop): Promise<Response> => {
        this.repeats.enter(hop.method, hop.url, headers);
        return this.#sendTo(hop.url.href, hop, bounded, onSend);
      };
      response = await followRedirects(response, first, followHop, (hop) => this.discard(hop));
    }
    if (readBodyBytesMax !== undefined) await readAhead(response, readBodyBytesMax);
    return response;
  }

  /** Not async: only what a function makes has to be waited for. */
  #sendTo(destination: string | Request, hop: Hop, signal: AbortSignal, onSend: () => void): Promise<Response> {
    const { hasBody, headers, method } = hop;
    const init: RequestInit & { duplex?: "half" } = { ...this.#rest, method, headers, signal };
    if (this.#follows) init.redirect = "manual";
    const send = (): Promise<Response> => {
      // Making the body may have taken longer than the attempt had.
      signal.throwIfAborted();
      onSend();
      const { fetch } = this.#settings;
      return fetch(destination, init);
    };
    if (!hasBody) return send();
    if (this.#factory === undefined) {
      init.body = this.#request.body;
      return send();
    }
    return makeBody(this.#factory).then((body) => {
      init.body = body;
      init.duplex = "half";
      return send();
    });
  }
}

/** @throws TypeError for what a mock or a wrapper resolved with instead of a response. */
function requireResponse(response: unknown): void {
  if (typeof response === "object" && response !== null) return;
  throw new TypeError(`The function that sends resolved with ${errorText(response)}, and not with a response.`);
}

const localScheme = /^(about|blob|data|file):$/;

const limitNames: OptionNames<CallLimits> = {
  attemptsMax: wholeFromOne,
  timeoutMs: fromOne,
  shouldRetry: "function",
  repeatable: "boolean",
};
const ownNames = [...Object.keys(limitNames), "within"];
const noLimits: CallLimits = {};

/** Whether nothing has to be taken apart or checked, as in most calls. */
function isSimple(init: object): boolean {
  for (const name in init) {
    switch (name as keyof RetryingRequestInit) {
      case "method":
      case "headers":
      case "body":
      case "signal":
      case "within":
        continue;
      default:
        return false;
    }
  }
  return true;
}

/** The limits of a call, and the other settings of its `fetch` but for body and signal. */
function readInit(
  input: string | URL | Request,
  init: RetryingRequestInit,
): { readonly limits: CallLimits; readonly rest: Settings } {
  const { method = "GET", headers = [] } = init;
  // A Request brings the settings that are left out.
  if (!(input instanceof Request) && isSimple(init)) return { limits: noLimits, rest: { method, headers } };
  const {
    body: _body,
    signal: _signal,
    within: _within,
    attemptsMax,
    timeoutMs,
    shouldRetry,
    repeatable,
    ...rest
  } = init;
  const reader = "A call of retryingFetch";
  // The others are for the platform, and for wrappers of its `fetch`.
  refuseMisspelt(reader, rest, ownNames);
  const limits = { attemptsMax, timeoutMs, shouldRetry, repeatable };
  checkNames(reader, limits, limitNames);
  return { limits, rest };
}

/** @throws TypeError, as `fetch` does, for what is no signal. */
function checkSignal(signal: AbortSignal | null | undefined): AbortSignal | undefined {
  const given = signal ?? undefined;
  if (given === undefined || given instanceof AbortSignal) return given;
  throw new TypeError("signal must be an AbortSignal.");
}

/** The request that the arguments of a `fetch` describe. */
interface ReadRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: BodyCopy["body"];
  /** The first argument for `fetch`. A Request brings settings (credentials, mode, ...) that only it can hand on. */
  readonly target: string | Request;
}

/** The arguments of a `fetch` but for its body and signal, which are looked after apart. */
type Settings = Omit<RetryingRequestInit, "body" | "signal" | "within" | keyof CallLimits>;

/**
 * Reads and checks the arguments of a `fetch`, and takes hold of the body, which may have to be read.
 *
 * @throws TypeError, as `fetch` does, for arguments that are no request; what `readStream` throws.
 */
function readRequest(
  input: string | URL | Request,
  settings: Settings,
  body: Body | null | undefined,
  bounds: ReadBounds,
): ReadRequest | Promise<ReadRequest> {
  if (input instanceof Request) return readGivenRequest(input, settings, body, bounds);
  const { method, url, headers } = readPlainHead(input, settings) ?? readCheckedHead(input, settings);
  const finish = (copy: BodyCopy): ReadRequest => {
    setContentType(headers, copy);
    return { method, url, headers, body: copy.body, target: url.href };
  };
  const copy = copyBody(body, method);
  return copy instanceof Promise ? copy.then(finish) : finish(copy);
}

async function readGivenRequest(
  input: Request,
  settings: Settings,
  body: Body | null | undefined,
  bounds: ReadBounds,
): Promise<ReadRequest> {
  const { referrer, referrerPolicy } = input;
  // With `null` the Request's own body stays, as in `fetch`.
  const replaced = (body ?? null) === null ? undefined : await copyBody(body, settings.method ?? input.method);
  const target = new Request(input, {
    // Any setting, even the signal, would reset these two.
    referrer,
    referrerPolicy,
    ...settings,
    // The caller's signal is left out: the platform would leave a listener behind on it.
    signal: null,
    ...(replaced === undefined ? undefined : { body: "" }),
  });
  const { method, url } = target;
  const headers = new Headers(target.headers);
  if (replaced !== undefined) {
    // The empty text that replaced it has a content type that is not the request's.
    if (!new Headers(settings.headers ?? input.headers).has("content-type")) headers.delete("content-type");
    setContentType(headers, replaced);
    return { method, url: new URL(url), headers, body: replaced.body, target };
  }
  const bytes = target.body === null ? null : await readStream(target.body, bounds);
  return { method, url: new URL(url), headers, body: bytes, target };
}

function setContentType(headers: Headers, { contentType }: BodyCopy): void {
  if (contentType && !headers.has("content-type")) headers.set("content-type", contentType);
}

type Head = Pick<ReadRequest, "method" | "url" | "headers">;

/** Methods that a Request takes, and leaves as they are written. */
const plainMethods: readonly unknown[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/**
 * The head of most requests; `undefined` for one that only the platform can check, by a Request, which costs more than twice as
 * much.
 */
function readPlainHead(input: string | URL, settings: Settings): Head | undefined {
  const { method = "GET", headers } = settings;
  if (!plainMethods.includes(method)) return undefined;
  for (const name in settings) if (name !== "method" && name !== "headers") return undefined;
  const text = input.toString();
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  return { method, url, headers: new Headers(headers) };
}

function readCheckedHead(input: string | URL, settings: Settings): Head {
  // Without the body: the platform would make a web stream of it, which costs a third of a whole `fetch`.
  const { method, url, headers } = new Request(input, { ...settings, signal: null });
  return { method, url: new URL(url), headers: new Headers(headers) };
}
