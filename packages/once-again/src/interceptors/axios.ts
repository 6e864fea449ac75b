/**
 * An axios adapter that retries with one key and one body.
 *
 * @module
 */
import "../core/check-platform.ts";
import { requireFunction } from "../core/options.ts";
import { eitherSignal } from "../retry/attempt.ts";
import { writeAttempt } from "../client/attempt-headers.ts";
import { fetchSettings, type RetryingFetchOptions } from "../client/fetch-options.ts";
import { afterRedirect, redirectKind } from "../client/follow-redirects.ts";
import { type FollowedRedirect, isForeignResponse, noteRedirect } from "../client/foreign-response.ts";
import { mayBeNoEffectProblem, saysNoEffect } from "../client/no-effect-problem.ts";
import { ensureKey } from "../client/operation-key.ts";
import type { SendableRequest } from "../client/prepare-request.ts";
import { type Repeats, repeatsOf } from "../client/repeats.ts";
import type { ResponseHead } from "../client/should-retry.ts";
import { sendWithRetries } from "../client/send-with-retries.ts";
import { findHeader } from "./find-header.ts";
import { replayableBody } from "./replayable-body.ts";

/** The options of `retryingFetch`; what sends an attempt is the adapter. */
type RetryingAdapterOptions = Omit<RetryingFetchOptions, "fetch">;

/** The headers of a request: the class of that name of axios. */
interface AxiosHeaders {
  get(name: string): unknown;
  set(name: string, value: string): void;
  concat(): AxiosHeaders;
}

/** The configuration that an adapter gets, as far as it is used here; axios' own type fits. */
export interface AxiosConfig {
  method?: string;
  url?: string;
  baseURL?: string;
  data?: unknown;
  headers: AxiosHeaders;
  signal?: unknown;
  cancelToken?: { toAbortSignal(): AbortSignal } | undefined;
  paramsSerializer?: unknown;
  validateStatus?: ((status: number) => boolean) | null | undefined;
  beforeRedirect?: ((...facts: never[]) => void) | undefined;
}

/** Where a redirect led to, and the redirect itself, as axios reports them. */
type ReportedHop = [
  hop: { href: string; method: string } | undefined,
  redirect?: { headers?: object; statusCode?: number },
];

/** The response that an adapter returns. */
export interface AxiosResponse {
  status: number;
  headers: object;
  data: unknown;
}

/** An answer of the adapter, or the error that axios made of one. */
interface AxiosAnswer<Res> extends ResponseHead {
  /** Where it comes from, as far as axios says. */
  readonly url: string;
  readonly data: unknown;
  /** The error that axios made of it. */
  readonly error?: unknown;
  /** Returns the adapter's answer, or throws its error. */
  settle(): Res;
}

/**
 * Wraps an axios adapter, so that each request is one operation, tried again as by `retryingFetch`: with the same keys,
 * verdicts, waits, budget and errors. Axios' own interceptors and transforms run once per call, around all its attempts.
 *
 * An attempt ends when axios has read the whole answer, so its time-out and a broken answer are part of it. A call ends
 * as axios ends it (an answer, an `AxiosError` for its status, a `CanceledError`), or with an error of `retryingFetch`
 * with the `AxiosError` as its innermost `cause`. Data that is a stream is refused with `ONCE_BODY_NOT_REPLAYABLE`, unless
 * it declares a `Content-Length` of at most 1 MiB. Only Node's http adapter reports redirects.
 *
 * @param adapter a function: `axios.defaults.adapter` is a list of names, of which `axios.getAdapter` makes one.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an adapter that is no function, and for an option out of bounds.
 *
 * @example
 * ```ts
 * const adapter = axios.getAdapter(axios.defaults.adapter);
 * const api = axios.create({ adapter: retryingAdapter(adapter, { timeoutMs: 20_000 }) });
 * ```
 */
export function retryingAdapter<Config extends AxiosConfig, Res extends AxiosResponse>(
  adapter: (config: Config) => Promise<Res>,
  options: RetryingAdapterOptions = {},
): (config: Config) => Promise<Res> {
  requireFunction("adapter", "a function, such as axios.getAdapter(axios.defaults.adapter)", adapter);
  const settings = fetchSettings(options, "retryingAdapter", ["fetch"]);
  return async (config) => {
    const { headers } = config;
    const view = {
      get: (name: string) => headerText(headers.get(name)),
      set: (name: string, value: string) => headers.set(name, value),
    };
    const bytes = await replayableBody(config.data, view);
    if (bytes?.contentType !== undefined) headers.set("content-type", bytes.contentType);
    const method = (config.method ?? "get").toUpperCase();
    const key = ensureKey(method, view, settings, settings.keys.makesKeys);
    const target = readTarget(config);
    const repeats = repeatsOf({ ...target, method, key }, settings);
    const { signal, unfollow } = followSignals(config.signal, config.cancelToken?.toAbortSignal());
    const watch = watchSerializer(config.paramsSerializer);
    const { serializer } = watch;
    const request: SendableRequest<AxiosAnswer<Res>> = {
      ...target,
      method,
      key,
      repeats,
      signal,
      /** A function of the caller's that fails on these parameters fails on them again, and its request never left. */
      isLocal: () => watch.hasFailed(),
      async send(attemptSignal, facts, onSend) {
        // Adapters change the headers that they are given.
        const attemptHeaders = headers.concat();
        writeAttempt(attemptHeaders, settings.attemptHeaders, facts);
        onSend();
        const bounded = eitherSignal(signal, attemptSignal);
        const attemptConfig = {
          ...config,
          ...(bytes === undefined ? undefined : { data: bytes.body }),
          headers: attemptHeaders,
          paramsSerializer: serializer,
          cancelToken: undefined,
          signal: bounded,
        };
        return attempt(adapter, attemptConfig, repeats);
      },
      saysNoEffect: (answer) => mayBeNoEffectProblem(answer) && saysNoEffect(answer.data),
      foreignUrl: (answer) => {
        const asked = { method, origin: target.origin, headers: view };
        return isForeignResponse(answer, asked, settings.trustsRedirect) ? answer.url : undefined;
      },
      errorOf: ({ error }) => error,
      discard: ({ data }) => discard(data),
    };
    try {
      return (await sendWithRetries(request, settings)).settle();
    } finally {
      unfollow();
    }
  };
}

async function attempt<Config extends AxiosConfig, Res extends AxiosResponse>(
  adapter: (config: Config) => Promise<Res>,
  config: Config,
  repeats: Repeats,
): Promise<AxiosAnswer<Res>> {
  let redirected = false;
  let url = "";
  let followed: FollowedRedirect | undefined;
  let method = (config.method ?? "get").toUpperCase();
  const beforeRedirect = (...facts: never[]): void => {
    redirected = true;
    const [hop, redirect] = facts as unknown as ReportedHop;
    if (followed === undefined || followed.kind === "same-request") {
      const status = redirect?.statusCode;
      const isReplay = findHeader(redirect?.headers ?? {}, "Idempotent-Replayed") === "true";
      followed = { kind: status === undefined ? "unseen" : redirectKind(method, status), isReplay };
    }
    method = hop?.method ?? method;
    url = hop?.href ?? "";
    if (hop !== undefined) repeats.enter(hop.method, new URL(hop.href), config);
    config.beforeRedirect?.(...facts);
  };
  const answer = ({ status, headers, data }: AxiosResponse, settle: () => Res, error?: unknown): AxiosAnswer<Res> => {
    const head = { get: (name: string) => findHeader(headers, name) };
    const given = { error, status, data, redirected, url, headers: head, settle };
    if (followed !== undefined) noteRedirect(given, followed);
    return given;
  };
  try {
    const response = await adapter({ ...config, beforeRedirect });
    return answer(response, () => response);
  } catch (error) {
    const { response } = error as { response?: AxiosResponse };
    // With a status that was welcome, the error is about what followed: the answer broke off.
    if (response === undefined || config.validateStatus?.(response.status) !== false) {
      throw redirected ? afterRedirect((config.method ?? "get").toUpperCase(), error) : error;
    }
    const settle = (): Res => {
      throw error;
    };
    return answer(response, settle, error);
  }
}

/** A header as axios has it: `false`, `null` and `undefined` stand for none. */
function headerText(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

/** Where a request goes, as axios joins it; a relative URL has no origin outside a page. */
function readTarget({ url = "", baseURL = "" }: AxiosConfig): { origin: string; url: string } {
  const joined = /^([a-z][\w+.-]*:)?\/\//i.test(url) || baseURL === "" ? url : joinUrls(baseURL, url);
  const parsed = URL.parse(joined, (globalThis as { location?: { href: string } }).location?.href);
  const [withoutQuery = ""] = joined.split(/[?#]/, 1);
  return parsed === null
    ? { origin: "", url: withoutQuery }
    : { origin: parsed.origin, url: parsed.origin + parsed.pathname };
}

function joinUrls(base: string, relative: string): string {
  return relative === "" ? base : `${base.replace(/\/?\/$/, "")}/${relative.replace(/^\/+/, "")}`;
}

/** Lets go of an answer that axios handed over as a stream: a Node stream or a web one. */
function discard(data: unknown): void {
  const stream = (data ?? {}) as { destroy?: () => void; cancel?: () => Promise<void> };
  if (typeof stream.destroy === "function") stream.destroy();
  else if (typeof stream.cancel === "function") void stream.cancel().catch(() => undefined);
}

/** Axios' `paramsSerializer`, and whether it threw. */
interface WatchedSerializer {
  readonly serializer: unknown;
  hasFailed(): boolean;
}

/**
 * A `paramsSerializer` that remembers whether it threw. Not every adapter says so in its error, which looks like one of
 * the network's then.
 *
 * @param given a function, an object with `serialize` or `encode`, or nothing.
 */
function watchSerializer(given: unknown): WatchedSerializer {
  let failed = false;
  const members = typeof given === "function" ? { serialize: given } : given;
  if (typeof members !== "object" || members === null) return { serializer: given, hasFailed: () => false };
  // Axios reads its members other than functions through the prototype.
  const serializer: object = Object.create(members);
  for (const name of ["serialize", "encode"] as const) {
    const member: unknown = (members as Record<string, unknown>)[name];
    if (typeof member !== "function") continue;
    const watched = function (this: unknown, ...parameters: unknown[]): unknown {
      try {
        return Reflect.apply(member, this, parameters);
      } catch (error) {
        failed = true;
        throw error;
      }
    };
    Object.defineProperty(serializer, name, { value: watched, enumerable: true });
  }
  return { serializer, hasFailed: () => failed };
}

/** The signals that axios takes: the platform's, or one of another class that reports its abort in the same way. */
interface ForeignSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener?(type: "abort", listener: () => void): void;
}

/** A signal of the platform that aborts with others, and what stops it from following them. */
interface FollowedSignal {
  /** `undefined` when there is nothing to follow. */
  readonly signal: AbortSignal | undefined;
  readonly unfollow: () => void;
}

/**
 * One signal of the platform for those that a caller gave, whatever class they are of.
 *
 * @throws TypeError for what is no signal, before anything is sent.
 */
function followSignals(...given: readonly unknown[]): FollowedSignal {
  const signals = given.filter((one) => one !== undefined && one !== null);
  const [first] = signals;
  if (first === undefined) return { signal: undefined, unfollow: () => undefined };
  if (signals.length === 1 && first instanceof AbortSignal) return { signal: first, unfollow: () => undefined };
  const followed = signals.map((one) => (one instanceof AbortSignal ? { signal: one, unfollow: none } : follow(one)));
  return {
    signal: AbortSignal.any(followed.map(({ signal }) => signal)),
    unfollow: () => followed.forEach(({ unfollow }) => unfollow()),
  };
}

const none = (): void => undefined;

function follow(given: unknown): { readonly signal: AbortSignal; readonly unfollow: () => void } {
  if (!isForeignSignal(given)) {
    throw new TypeError("The option signal is no AbortSignal: it has no aborted and no addEventListener.");
  }
  const controller = new AbortController();
  const abort = (): void => controller.abort(given.reason);
  if (given.aborted) abort();
  else given.addEventListener("abort", abort);
  return { signal: controller.signal, unfollow: () => given.removeEventListener?.("abort", abort) };
}

function isForeignSignal(given: unknown): given is ForeignSignal {
  if (typeof given !== "object" || given === null) return false;
  return "aborted" in given && "addEventListener" in given && typeof given.addEventListener === "function";
}
