import { logError } from "../../core/error-log.ts";
import { type Listener, notify } from "../../core/listener.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkFunction, checkNumber, requireFunction } from "../../core/options.ts";
import { putLast } from "../../core/put-last.ts";
import { systemClock } from "../../core/system-clock.ts";

/** Retries around a fetch that retries by itself: together they make the product of their attempts. */
export interface NestedRetries {
  /** The libraries around the call, the innermost first, by the names of their packages. */
  readonly libraries: readonly string[];
  /** How often the library has made this call so far: at least 2. */
  readonly calls: number;
  /** How many requests one intention may become, with the default attempts of these libraries. */
  readonly requestsMax: number;
  readonly method: string;
  /** Origin and path. */
  readonly url: string;
  /** One sentence that names the layers, and another that says what to do. */
  readonly text: string;
}

/** How nested retries are noticed. */
export interface NestedRetriesOptions {
  /** Called once for each server and list of libraries; default one line by `console.error`. What it throws is dropped. */
  readonly onFound?: Listener<NestedRetries> | undefined;
  /**
   * Whether the library's attempts are left alone once they are noticed: each one is then a single request, passed as `within`.
   * Such a request gets no key of ours, so do this only for calls that may be repeated. Default `false`.
   */
  readonly suppress?: boolean | undefined;
  /** The most attempts of the inner fetch for one call: a whole number of at least 1, default 5. */
  readonly attemptsMax?: number | undefined;
}

const names: OptionNames<NestedRetriesOptions> = { onFound: true, suppress: "boolean", attemptsMax: true };

/** Libraries that retry, with the attempts of one call by their defaults. */
const attemptsByDefault: ReadonlyMap<string, number> = new Map([
  ["@anthropic-ai/sdk", 3],
  ["@apollo/client", 5],
  ["@google/genai", 5],
  ["@langchain/core", 7],
  ["@octokit/plugin-retry", 4],
  ["@tanstack/query-core", 4],
  ["ai", 3],
  ["async-retry", 11],
  ["cockatiel", 11],
  ["exponential-backoff", 10],
  ["fetch-retry", 4],
  ["got", 3],
  ["ky", 3],
  ["ofetch", 2],
  ["openai", 3],
  ["p-retry", 11],
  ["stripe", 3],
]);

/** How many failed calls are remembered, and for how long, milliseconds. */
const rememberedMax = 256;
const rememberedMs = 120_000;

/** How much of a call is remembered, characters. */
const identityMax = 10_000;

type Send = typeof globalThis.fetch;

/**
 * Notices a library that retries around a fetch which retries by itself, such as an SDK: three attempts of the one with five of the
 * other are fifteen requests. When an equal call follows one that failed, it looks for the library in the stack of the later one, and
 * reports it. A program that is bundled has no names of packages in its stack, so there it notices nothing.
 *
 * @param send the inner fetch: a `retryingFetch`.
 * @returns a function that is called like `send`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * import { retryingFetch } from "once-again/client";
 * import { noticeNestedRetries } from "once-again/layers";
 * import OpenAI from "openai";
 *
 * const fetch = noticeNestedRetries(retryingFetch({ keys: "off" }));
 * const openai = new OpenAI({ apiKey: "none", fetch });
 * ```
 */
export function noticeNestedRetries(send: Send, options: NestedRetriesOptions = {}): Send {
  requireFunction("send", "a fetch, such as retryingFetch()", send);
  checkNames("noticeNestedRetries", options, names);
  const onFound = checkFunction("onFound", options.onFound) ?? warn;
  const attemptsMax = checkNumber("attemptsMax", options.attemptsMax ?? 5, { min: 1, integer: true });
  const failed = new Map<string, FailedCall>();
  const found = new Set<string>();

  return async function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    forgetExpired(failed);
    const call = failed.size > 0 || (options.suppress === true && found.size > 0) ? readCall(input, init) : undefined;
    const before = call && failed.get(call.identity);
    if (before !== undefined) failed.delete(call!.identity);
    // A stack costs more than all the rest, so it is read of a call that follows an equal one that failed, and of no other.
    const isLooked = call !== undefined && (before !== undefined || (options.suppress === true && found.size > 0));
    const libraries = isLooked ? librariesAround() : undefined;
    const calls = libraries !== undefined && isRepeat(before, libraries) ? before!.calls + 1 : 1;
    const url = libraries === undefined ? undefined : readUrl(call!.href);
    const place = url && `${url.origin} ${libraries!.join(" ")}`;
    if (calls > 1 && place !== undefined && !found.has(place) && found.size < rememberedMax) {
      found.add(place);
      const { origin, pathname } = url!;
      notify(
        onFound,
        describe({ libraries: libraries!, calls, attemptsMax, method: call!.method, url: origin + pathname }),
      );
    }
    const isSuppressed = options.suppress === true && place !== undefined && found.has(place);
    const remember = (): void => {
      const { identity } = call ?? readCall(input, init) ?? {};
      if (identity === undefined) return;
      const failure = { calls, atMs: systemClock.monotonic(), libraries: libraries?.join(" ") };
      putLast(failed, identity, failure, rememberedMax);
    };
    try {
      const response = await send(input, isSuppressed ? ({ ...init, within: { number: calls } } as RequestInit) : init);
      if (response.status >= 400) remember();
      return response;
    } catch (error) {
      remember();
      throw error;
    }
  };
}

interface FailedCall {
  readonly calls: number;
  readonly atMs: number;
  /** The libraries around it; undefined where its stack was not read. */
  readonly libraries: string | undefined;
}

/** Whether a call with libraries around it is the repeat of one that failed, by the same libraries as far as it is known. */
function isRepeat(before: FailedCall | undefined, libraries: readonly string[]): boolean {
  if (before === undefined || libraries.length === 0) return false;
  return before.libraries === undefined || before.libraries === libraries.join(" ");
}

/** Removes the calls that failed too long ago: the oldest come first. */
function forgetExpired(failed: Map<string, FailedCall>): void {
  for (const [identity, { atMs }] of failed) {
    if (systemClock.monotonic() - atMs < rememberedMs) return;
    failed.delete(identity);
  }
}

/** A call, and the text by which an equal one is known. */
interface NoticedCall {
  readonly method: string;
  readonly href: string;
  readonly identity: string;
}

/** @returns undefined for arguments that its own fetch will refuse. */
function readCall(input: string | URL | Request, init: RequestInit | undefined): NoticedCall | undefined {
  try {
    const { method, href } = aboutCall(input, init);
    return { method, href, identity: `${method} ${href} ${bodyText(init?.body)}`.slice(0, identityMax) };
  } catch {
    return undefined;
  }
}

function readUrl(href: string): URL | undefined {
  const base = "http://relative.invalid";
  return URL.canParse(href, base) ? new URL(href, base) : undefined;
}

/** How much of the stack is searched, frames: an SDK within a framework is some forty deep. */
const framesMax = 60;

function librariesAround(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = framesMax;
  const { stack = "" } = new Error("stack");
  Error.stackTraceLimit = stackTraceLimit;
  const packages = [...stack.matchAll(/node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/g)].map(([, name]) =>
    name!.replace("\\", "/"),
  );
  return [...new Set(packages)].filter((name) => attemptsByDefault.has(name));
}

function aboutCall(input: string | URL | Request, init: RequestInit | undefined): { method: string; href: string } {
  const isRequest = typeof input === "object" && "url" in input;
  const href = isRequest ? input.url : String(input);
  return { method: (init?.method ?? (isRequest ? input.method : "GET")).toUpperCase(), href };
}

/** The part of a body that distinguishes calls: only texts do, since other bodies can be read once. */
function bodyText(body: unknown): string {
  return typeof body === "string" ? body : "";
}

function describe({
  libraries,
  calls,
  attemptsMax,
  method,
  url,
}: Pick<NestedRetries, "libraries" | "calls" | "method" | "url"> & { attemptsMax: number }): NestedRetries {
  const layers = libraries.map((name) => [name, attemptsByDefault.get(name)!] as const);
  const requestsMax = layers.reduce((product, [, attempts]) => product * attempts, attemptsMax);
  const product = [...layers.map(([name, attempts]) => `${name} ${attempts}`), `once-again ${attemptsMax}`].join(" x ");
  const text =
    `Retries are nested: ${method} ${url} was called again by ${libraries[0]} after it had failed. By their defaults the layers ` +
    `make up to ${requestsMax} requests (${product}). Switch the retries of ${libraries.join(" and ")} off: see ` +
    "https://github.com/once-again-js/once-again/blob/main/docs/guides/sdks.md";
  return { libraries, calls, requestsMax, method, url, text };
}

function warn({ text }: NestedRetries): void {
  logError(new Error(text), { room: "retries" });
}
