import { checkNames, type OptionNames, refuseMisspelt } from "../core/option-names.ts";
import { fromOne, wholeFromOne } from "../core/options.ts";
import { type Attempt, eitherSignal } from "../retry/attempt.ts";
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
  const body = factory === undefined ? (given as Exclude<typeof given, BodyFactory>) : new Uint8Array();
  refuseOneShot(body);
  const own = checkSignal(givenSignal === undefined && input instanceof Request ? input.signal : givenSignal);
  const signal = within?.signal ? eitherSignal(own, within.signal) : own;
  signal?.throwIfAborted();

  // Only of a Request may the body have to be read.
  const startedAt = input instanceof Request ? clock.monotonic() : undefined;
  const bounds = { bytesMax: bodyBytesMax, msMax: limits.deadlineMs ?? policy.deadlineMs, clock, signal };
  const request = await readRequest(input, rest, body, bounds);
  const { method, url, headers } = request;
  const { origin, pathname, protocol } = url;
  const outer = within ?? readForeignAttempt(headers);
  const key = ensureKey(method, headers, settings, settings.keys.makesKeys && outer === undefined);
  const place = origin === "null" ? protocol : origin + pathname;
  const repeats = repeatsOf({ method, key, origin, url: place, repeatable }, settings);
  // A Request has the settings of both arguments.
  const follows = mustFollowRedirects(method, request.target instanceof Request ? request.target : rest);
  const discard = (response: Response): Promise<void> => discardBody(response, clock);
  return {
    method,
    origin,
    url: place,
    key,
    repeats,
    signal,
    outer,
    limits,
    preparedMs: startedAt === undefined ? 0 : clock.monotonic() - startedAt,
    isLocal: localScheme.test(protocol),
    send: requestSender(request, settings, { signal, outer, factory, rest, follows, repeats, discard }),
    saysNoEffect: responseSaysNoEffect,
    discard,
  };
}

/** How the attempts of one request are made. */
interface RequestParts {
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
  readonly discard: (response: Response) => Promise<void>;
}

function requestSender(
  request: ReadRequest,
  settings: FetchSettings,
  { discard, factory, follows, outer, repeats, rest, signal }: RequestParts,
): SendableRequest<Response>["send"] {
  const { fetch, readBodyBytesMax } = settings;
  return async (attemptSignal, { number, remainingMs }, onSend) => {
    const headers = new Headers(request.headers);
    writeAttempt(headers, settings.attemptHeaders, { number: outer?.number ?? number, remainingMs });
    // The attempt's signal is done when the response begins; the caller's may still abort the response's body.
    const bounded = eitherSignal(signal, attemptSignal);
    const sendTo = async (destination: string | Request, hop: Omit<Hop, "url">): Promise<Response> => {
      const { hasBody, headers, method } = hop;
      let bodyInit: RequestInit & { duplex?: "half" } = {};
      if (hasBody && factory !== undefined) bodyInit = { body: await makeBody(factory), duplex: "half" };
      else if (hasBody) bodyInit = { body: request.body };
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

const localScheme = /^(about|blob|data|file):$/;

const limitNames: OptionNames<CallLimits> = {
  attemptsMax: wholeFromOne,
  deadlineMs: fromOne,
  shouldRetry: "function",
  repeatable: "boolean",
};
const ownNames = [...Object.keys(limitNames), "within"];

/** @param others what else stands in `fetch`'s second argument, which the platform and others read. */
function checkLimits(limits: CallLimits, others: object): CallLimits {
  const reader = "A call of retryingFetch";
  refuseMisspelt(reader, others, ownNames);
  checkNames(reader, limits, limitNames);
  return limits;
}

/** @throws TypeError, as `fetch` does, for what is no signal. */
function checkSignal(signal: AbortSignal | null | undefined): AbortSignal | undefined {
  const given = signal ?? undefined;
  if (given === undefined || given instanceof AbortSignal) return given;
  throw new TypeError("signal must be an AbortSignal.");
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
  const { method = "GET", headers, ...others } = settings;
  if (!plainMethods.includes(method) || Object.keys(others).length > 0) return undefined;
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
