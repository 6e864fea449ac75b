import { isSafeMethod } from "../delivery/index.ts";
import { requireBoolean, invalidOptionError } from "../core/options.ts";

/**
 * How the last redirect that made another request of this one did so. `same-request`: method and body went along (307, 308, and 301
 * or 302 of anything but a POST). `see-other`: a 303, by which a server says that the request is done. `became-get`: a 301
 * or 302 that made a GET of a POST, as sign-in pages are reached. `unseen`: browsers and some clients don't say.
 */
export type RedirectKind = "same-request" | "see-other" | "became-get" | "unseen";

/** A redirect that was followed. */
export interface FollowedRedirect {
  readonly kind: RedirectKind;
  /** Whether the redirect itself is a stored response: to ask again would bring it again. */
  readonly isReplay: boolean;
}

const followed = new WeakMap<object, FollowedRedirect>();

/** Notes how a response was reached. */
export function noteRedirect(response: object, redirect: FollowedRedirect): void {
  followed.set(response, redirect);
}

/** How a response was reached by redirects; `undefined` where that was not seen. */
export function readRedirect(response: object): FollowedRedirect | undefined {
  return followed.get(response);
}

/** Which responses after a redirect are believed to be the request's own: all, or those from a URL that a function approves. */
export type TrustRedirects = boolean | ((url: URL) => boolean);

/** `undefined`: the user has not chosen. */
export type RedirectRule = ((url: URL) => boolean) | undefined;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else. */
export function redirectRule(trust: TrustRedirects | undefined): RedirectRule {
  if (trust === undefined) return undefined;
  if (typeof trust === "boolean") return () => trust;
  if (typeof trust === "function") return (url) => requireBoolean("trustRedirects()", trust(url));
  throw invalidOptionError("trustRedirects", "a boolean or a function of the URL", trust);
}

/** The parts of a response that say which request it answers. */
export interface ReachedResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly redirected: boolean;
  /** Where it comes from. */
  readonly url: string;
}

/** The parts of a request that say which response is its own. */
export interface AskedRequest {
  readonly method: string;
  readonly origin: string;
  readonly headers: { get(name: string): string | null };
}

/**
 * Whether a success is that of another request, and so proves nothing of this one: a redirect made a GET of a POST (a sign-in
 * page), led to another origin (a captive portal), or brought a page where JSON was asked for.
 */
export function isForeignResponse(response: ReachedResponse, request: AskedRequest, trusts: RedirectRule): boolean {
  if (response.status >= 400 || isSafeMethod(request.method)) return false;
  const isUnasked = isPage(response) && asksForJson(request.headers.get("accept"));
  if (!response.redirected) return isUnasked;
  const url = URL.parse(response.url);
  if (url !== null && trusts?.(url) === true) return false;
  const { kind = "unseen" } = readRedirect(response) ?? {};
  if (kind === "became-get") return true;
  if (url?.origin !== request.origin) return kind !== "same-request" || isPage(response);
  return kind === "unseen" ? isPage(response) : isUnasked;
}

function isPage({ headers }: Pick<ReachedResponse, "headers">): boolean {
  return /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(headers.get("content-type") ?? "");
}

function asksForJson(accept: string | null): boolean {
  return accept !== null && /[/+]json\b/i.test(accept) && !/html|\*\/\*|text\/\*/i.test(accept);
}
