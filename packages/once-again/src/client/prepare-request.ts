import { refuseMisspelt } from "../core/option-names.ts";
import { checkBoolean, checkFunction, checkNumber } from "../core/options.ts";
import type { Attempt } from "../retry/index.ts";
import { type OuterAttempt, readForeignAttempt, writeAttempt } from "./attempt-headers.ts";
import { discardBody, readAhead, type ReadBounds, readStream } from "./read-stream.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { followRedirects, type Hop, mustFollowRedirects } from "./follow-redirects.ts";
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
import type { ResponseHead } from "./retry-rule.ts";

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
  /** The platform serves its scheme by itself (`blob:`, `data:`): nothing leaves, and what fails fails again. */
  readonly isLocal?: boolean | undefined;
  /** @param onSend is called just before the first byte may leave. */
  send(attemptSignal: AbortSignal, attempt: Attempt, onSend: () => void): Promise<Res>;
  /** Whether a response is a problem by which a server of once-again says that nothing happened; missing: none is. */
  saysNoEffect?(response: Res): boolean | Promise<boolean>;
  /** The error that the client made of a response; missing: it makes none. */
  errorOf?(response: Res): unknown;
  /** Discards a response that will not be read; the promise it returns resolves when the connection is free again. */
  discard(response: Res): void | Promise<void>;
}

/**
 * Reads the arguments of a `fetch`, names the operation and takes hold of its body's bytes.
 *
 * @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE`, `ONCE_BODY_TOO_LARGE`, `ONCE_DEADLINE_EXCEEDED`,
 *   `ONCE_KEY_INVALID`, `ONCE_OPTION_INVALID`; TypeError, as `fetch` does, for arguments that are no request.
 */
export async function prepareRequest(
  input: string | URL | Request,
  init: RetryingRequestInit,
  settings: FetchSettings,
): Promise<SendableRequest<Response>> {
  const { bodyBytesMax, policy } = settings;
  const { clock } = policy;
  const { body: given, signal: givenSignal, within, attemptsMax, deadlineMs, shouldRetry, repeatable, ...rest } = init;
  const limits = checkLimits({ attemptsMax, deadlineMs, shouldRetry, repeatable }, rest);
  const factory = typeof given === "function" ? given : undefined;
  // The bytes stand in for what the factory will make, so that a method which takes no body is found out now.
  const body = typeof given === "function" ? new Uint8Array() : given;
  refuseOneShot(body);
  const own = checkSignal(givenSignal === undefined && input instanceof Request ? input.signal : givenSignal);
  const signal = own !== undefined && within?.signal ? AbortSignal.any([own, within.signal]) : (own ?? within?.signal);
  signal?.throwIfAborted();

  const isRead = input instanceof Request && input.body !== null && (given ?? null) === null;
  const startedAt = isRead ? clock.monotonic() : 0;
  const msMax = limits.deadlineMs ?? policy.deadlineMs ?? Infinity;
  const bounds = { bytesMax: bodyBytesMax, msMax, clock, signal };
  const request = await readRequest(input, rest, body, bounds);
  const { method, url, headers } = request;
  const { origin, pathname, protocol } = url;
  const outer = within ?? readForeignAttempt(headers);
  const key = ensureKey(method, headers, settings, settings.keys.makesKeys && outer === undefined);
  const place = origin === "null" ? protocol : origin + pathname;
  const repeats = repeatsOf({ method, key, origin, url: place, repeatable }, settings);
  const redirect = rest.redirect ?? (input instanceof Request ? input.redirect : "follow");
  const integrity = rest.integrity ?? (input instanceof Request ? input.integrity : "");
  const follows = mustFollowRedirects(method, { redirect, integrity });
  return {
    method,
    origin,
    url: place,
    key,
    repeats,
    signal,
    outer,
    limits,
    preparedMs: isRead ? clock.monotonic() - startedAt : undefined,
    isLocal: localSchemes.has(protocol),
    send: requestSender({ request, settings, signal, outer, factory, rest, follows, repeats }),
    saysNoEffect: responseSaysNoEffect,
    discard: (response) => discardBody(response, clock),
  };
}

/** The parts from which the attempts of one request are made. */
interface RequestParts {
  readonly request: ReadRequest;
  readonly settings: FetchSettings;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  readonly outer: OuterAttempt | undefined;
  /** Makes the body anew for each attempt; `undefined`: its bytes are those of the request. */
  readonly factory: BodyFactory | undefined;
  /** The other arguments of the `fetch`. */
  readonly rest: RequestInit;
  /** Whether redirects are followed by us. */
  readonly follows: boolean;
  readonly repeats: Repeats;
}

function requestSender(parts: RequestParts): SendableRequest<Response>["send"] {
  const { factory, follows, outer, repeats, request, rest, settings, signal } = parts;
  const { fetch, policy, readBodyBytesMax } = settings;
  const discard = (response: Response): Promise<void> => discardBody(response, policy.clock);
  return async (attemptSignal, { number, remainingMs }, onSend) => {
    const headers = new Headers(request.headers);
    writeAttempt(headers, settings.attemptHeaders, { number: outer?.number ?? number, remainingMs });
    // The attempt's signal is done when the response begins; the caller's may still abort the response's body.
    const bounded = signal === undefined ? attemptSignal : AbortSignal.any([attemptSignal, signal]);
    const sendTo = async (destination: string | Request, hop: Omit<Hop, "url">): Promise<Response> => {
      const { method, headers } = hop;
      if (!hop.hasBody) return fetch(destination, { ...rest, method, headers, redirect: "manual", signal: bounded });
      const bodyInit: RequestInit & { duplex?: "half" } =
        factory === undefined ? { body: request.body } : { body: await makeBody(factory), duplex: "half" };
      // Making the body may have taken longer than the attempt had.
      bounded.throwIfAborted();
      onSend();
      const redirect = follows ? { redirect: "manual" as const } : undefined;
      return fetch(destination, { ...rest, method, headers, ...bodyInit, ...redirect, signal: bounded });
    };
    const followHop = async (hop: Hop): Promise<Response> => {
      repeats.enter(hop.method, hop.url, headers);
      return sendTo(hop.url.href, hop);
    };
    const first: Hop = { url: request.url, method: request.method, headers, hasBody: true };
    const answer = await sendTo(request.target, first);
    const response = follows ? await followRedirects(answer, first, followHop, discard) : answer;
    if (readBodyBytesMax !== undefined) await readAhead(response, readBodyBytesMax);
    return response;
  };
}

const localSchemes: ReadonlySet<string> = new Set(["about:", "blob:", "data:", "file:"]);

const limitNames = ["attemptsMax", "deadlineMs", "shouldRetry", "repeatable", "within"];

/** @param others what else stands in `fetch`'s second argument, which the platform and others read. */
function checkLimits(limits: CallLimits, others: object): CallLimits {
  const { attemptsMax, deadlineMs, repeatable, shouldRetry } = limits;
  refuseMisspelt("A call of retryingFetch", others, limitNames);
  if (repeatable !== undefined) checkBoolean("repeatable", repeatable);
  if (attemptsMax !== undefined) checkNumber("attemptsMax", attemptsMax, { min: 1, integer: true });
  if (deadlineMs !== undefined) checkNumber("deadlineMs", deadlineMs, { min: 1 });
  if (shouldRetry !== undefined) checkFunction("shouldRetry", shouldRetry);
  return limits;
}

/** @throws TypeError, the platform's own, for what is no signal. */
function checkSignal(signal: AbortSignal | null | undefined): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (!(signal instanceof AbortSignal)) {
    void new Request("http://localhost", { signal });
    throw new TypeError("The option `signal` must be an AbortSignal of this platform.");
  }
  return signal;
}

/** The request that the arguments of a `fetch` describe. */
export interface ReadRequest {
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
 * Reads and checks the arguments of a `fetch`, and takes hold of the body.
 *
 * @throws TypeError, as `fetch` does, for arguments that are no request; what `readStream` throws.
 */
export async function readRequest(
  input: string | URL | Request,
  settings: Settings,
  body: Body | null | undefined,
  bounds: ReadBounds,
): Promise<ReadRequest> {
  if (input instanceof Request) return readGivenRequest(input, settings, body, bounds);
  const { method, url, headers } = readPlainHead(input, settings) ?? readCheckedHead(input, settings);
  const copy = await copyBody(body, method);
  setContentType(headers, copy);
  return { method, url, headers, body: copy.body, target: url.href };
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
  if (contentType !== undefined && !headers.has("content-type")) headers.set("content-type", contentType);
}

type Head = Pick<ReadRequest, "method" | "url" | "headers">;

/** Methods that a Request takes, and leaves as they are written. */
const plainMethods: ReadonlySet<unknown> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * The head of most requests; `undefined` for one that only the platform can check, by a Request, which costs more than twice as
 * much.
 */
function readPlainHead(input: string | URL, settings: Settings): Head | undefined {
  const { method = "GET", headers, ...others } = settings;
  if (!plainMethods.has(method) || Object.keys(others).length > 0) return undefined;
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
