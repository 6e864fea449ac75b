import { errorVerdict, isSafeMethod } from "../delivery/index.ts";
import { noteRedirect, type FollowedRedirect, type RedirectKind } from "./foreign-response.ts";

/** A request, as far as redirects change it. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** Whether it still carries the body of the first one. */
  readonly hasBody: boolean;
  /** Headers that stay with their origin, beside those that hold a secret, by their names; in lower case. */
  readonly secrets?: ReadonlySet<string> | undefined;
}

/** `fetch` follows so many. */
const hopsMax = 20;
const redirects: readonly number[] = [301, 302, 303, 307, 308];
const ofBody = ["content-encoding", "content-language", "content-location", "content-type", "content-length"];

/** Says that a redirect led to a failure: the request itself was answered, so it may have been executed. */
export class RedirectError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RedirectError";
  }
}

/**
 * The error of a request that another HTTP client followed to where a redirect led. The request itself has arrived, also
 * when its target was not reached.
 */
export function afterRedirect(method: string, error: unknown): unknown {
  if (isSafeMethod(method) || errorVerdict(error).delivery !== "never") return error;
  return targetError(error);
}

function targetError(cause: unknown): RedirectError {
  const problem = errorVerdict(cause).transient ? "and its target failed" : "which can't be followed";
  return new RedirectError(`The request was answered with a redirect, ${problem}. The cause is its error.`, { cause });
}

/**
 * Whether redirects of this request are followed by us. `fetch` does not say which of the requests it made has failed,
 * and a connection that was refused proves nothing when it was to where an answered POST was redirected.
 *
 * Not in browsers, which show no redirect and give errors that prove nothing; nor with `integrity`, which is
 * checked against the redirect itself then.
 */
export function mustFollowRedirects(method: string, settings: { redirect?: string; integrity?: string }): boolean {
  return !isSafeMethod(method) && (settings.redirect ?? "follow") === "follow" && !settings.integrity && !isBrowser();
}

function isBrowser(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}

/** Whether a response is a redirect by its status, or one that can't be seen. */
export function isRedirect({ status, type }: Response): boolean {
  return redirects.includes(status) || type === "opaqueredirect";
}

/**
 * Follows the redirects of a response as `fetch` does (Fetch standard, "HTTP-redirect fetch"). To another origin it takes no
 * header along that holds a secret, by its name: `fetch` leaves out `Authorization` and `Cookie`, and sends an
 * `X-Api-Key`. The key of the operation goes along: it is no secret, and without it nothing would protect a repeat there.
 *
 * @param send makes one request, with `redirect: "manual"`.
 * @throws RedirectError whatever fails on the way.
 */
export async function followRedirects(
  first: Response,
  request: Hop,
  send: (hop: Hop) => Promise<Response>,
  discard: (response: Response) => unknown,
): Promise<Response> {
  let [response, hop] = [first, request];
  let followed: FollowedRedirect | undefined;
  for (let hops = 0; ; hops += 1) {
    if (response.type === "opaqueredirect") {
      throw new RedirectError('The answer is a redirect that can\'t be seen here. Use `redirect: "manual"`.');
    }
    const location = redirects.includes(response.status) ? response.headers.get("location") : null;
    if (location === null) break;
    const next = URL.parse(location, hop.url.href);
    if (hops === hopsMax || next === null || !/^https?:$/.test(next.protocol)) {
      void discard(response);
      throw new RedirectError(hops === hopsMax ? "redirect count exceeded" : "URL scheme must be a HTTP(S) scheme");
    }
    const kind = redirectKind(hop.method, response.status);
    // Once it is a GET, further redirects are those of another request.
    if (followed === undefined || followed.kind === "same-request") {
      followed = { kind, isReplay: response.headers.get("Idempotent-Replayed") === "true" };
    }
    hop = nextHop(hop, next, kind);
    void discard(response);
    try {
      response = await send(hop);
    } catch (cause) {
      throw targetError(cause);
    }
  }
  // As `fetch` would have it. What comes from elsewhere proves nothing of the request itself.
  if (followed === undefined) return response;
  noteRedirect(response, followed);
  return Object.defineProperty(response, "redirected", { value: true });
}

/** How a redirect changes a request (Fetch standard, "HTTP-redirect fetch"). */
export function redirectKind(method: string, status: number): Exclude<RedirectKind, "unseen"> {
  if (status === 303) return method === "HEAD" ? "same-request" : "see-other";
  return status < 303 && method === "POST" ? "became-get" : "same-request";
}

function nextHop({ url, method, headers, hasBody, secrets }: Hop, next: URL, kind: RedirectKind): Hop {
  if (next.hash === "") next.hash = url.hash;
  const becomesGet = kind !== "same-request";
  const nextHeaders = new Headers(headers);
  if (becomesGet) for (const name of ofBody) nextHeaders.delete(name);
  if (next.origin !== url.origin) {
    for (const name of headers.keys()) {
      if (name === "host" || isSecretHeader(name) || secrets?.has(name)) nextHeaders.delete(name);
    }
  }
  return {
    url: next,
    method: becomesGet ? "GET" : method,
    headers: nextHeaders,
    hasBody: hasBody && !becomesGet,
    secrets,
  };
}

/** The words by which headers of credentials are named: `Cookie`, `X-Api-Key`, `X-Auth-Token`, `X-Amz-Security-Token`. */
const secretWord =
  /(^|[^a-z\d])(apikey|auth(entication|orization|token)?|cookie|credentials?|jwt|passw(or)?d|secret|session(id)?|token|(access|account|api|app|application|auth|functions|master|private|secret|subscription)[^a-z\d]+key)([^a-z\d]|$)/;

/** Whether a header holds a secret, by its name in lower case: a word of it says so, or two, as in `x-api-key`. */
export function isSecretHeader(name: string): boolean {
  return secretWord.test(name);
}
