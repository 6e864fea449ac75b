import type { IncomingMessage } from "node:http";
import type { HttpResponse } from "once-again/http";

/** Which web pages may read the gateway's own responses (the CORS protocol of the Fetch standard). */
export interface CorsOptions {
  /** Origins such as `https://shop.example`, or `*` for every one. */
  readonly origins: readonly string[];
  /** Whether pages may read responses to requests with cookies or other credentials. Default `false`. */
  readonly credentials?: boolean | undefined;
}

/** The headers that the gateway adds to responses for web pages. */
export interface CorsRules {
  /** To a response of the gateway itself, such as 409: whether the page may read it, and which of its headers. */
  addToOwn(request: IncomingMessage, response: HttpResponse): HttpResponse;
  /** To a response of the service which its page may read: the gateway's headers may be read, too. */
  addToService(response: HttpResponse): HttpResponse;
}

/** The response headers that a page may read, beside those that every page may. */
const exposed = "Idempotent-Replayed, Idempotency-Key-Policy, Retry-After, WWW-Authenticate";

/** Puts options to work. */
export function corsRules({ origins, credentials = false }: CorsOptions): CorsRules {
  const allowed = new Set(origins.map((origin) => origin.toLowerCase()));
  const isOpen = allowed.has("*");
  return {
    addToOwn({ headers: { origin } }, response) {
      const added: [string, string][] = isOpen ? [] : [["vary", "Origin"]];
      if (origin !== undefined && (isOpen || allowed.has(origin.toLowerCase()))) {
        added.push(["access-control-allow-origin", isOpen ? "*" : origin]);
        added.push(["access-control-expose-headers", exposed]);
        if (credentials) added.push(["access-control-allow-credentials", "true"]);
      }
      return { ...response, headers: [...response.headers, ...added] };
    },
    addToService(response) {
      const isReadable = response.headers.some(([name]) => name.toLowerCase() === "access-control-allow-origin");
      if (!isReadable) return response;
      return { ...response, headers: [...response.headers, ["access-control-expose-headers", exposed]] };
    },
  };
}

/** Whether a request asks if a page may send another. */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === "OPTIONS" && headers.origin !== undefined && headers["access-control-request-method"] !== undefined;

/** A service's answer to a preflight that allows the page, with the header of keys among those that it allows. */
export function allowKeyHeader(response: HttpResponse, keyHeader: string): HttpResponse {
  const allows = (name: string): boolean => response.headers.some(([header]) => header.toLowerCase() === name);
  if (!allows("access-control-allow-origin")) return response;
  return { ...response, headers: [...response.headers, ["access-control-allow-headers", keyHeader]] };
}
