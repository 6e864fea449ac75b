import type { FetchFacts } from "../client/fetch-options.ts";
import type { Attributes } from "./api.ts";

/** The methods that the conventions know; any other is `_OTHER`, so that no caller can fill a metric with names. */
const knownMethods: ReadonlySet<string> = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "QUERY",
  "TRACE",
]);

/** The attributes that the stable semantic conventions for HTTP clients ask of both metrics and spans. */
export function targetAttributes({ method, url }: FetchFacts): Attributes & { "http.request.method": string } {
  const parsed = URL.parse(url);
  return {
    "http.request.method": knownMethods.has(method) ? method : "_OTHER",
    ...(parsed === null || parsed.hostname === ""
      ? undefined
      : { "server.address": parsed.hostname, "server.port": portOf(parsed) }),
  };
}

/** The same for spans, which may also have a method that is not well known. */
export function spanAttributes(facts: FetchFacts): Attributes & { "http.request.method": string } {
  const { method, url } = facts;
  const original = knownMethods.has(method) ? undefined : { "http.request.method_original": method };
  return { ...targetAttributes(facts), ...original, "url.full": url };
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

/** `error.type`: the status, else the code of the error or of what it wraps, else its name. Never its message. */
export function errorType(status: number | undefined, error: unknown): string {
  if (status !== undefined) return String(status);
  return codeWithin(error) ?? (error instanceof Error ? error.name : "_OTHER");
}

/** How deep errors are wrapped at most; an error may wrap itself. */
const depthMax = 8;

function codeWithin(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < depthMax && typeof current === "object" && current !== null; depth += 1) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (typeof code === "string") return code;
    current = cause;
  }
  return undefined;
}
