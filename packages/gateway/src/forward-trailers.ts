import { headerPairs, type RawHeaders } from "./forward-headers.ts";
import type { ProtectedHeaders } from "./protected-headers.ts";

/**
 * Fields that change how a message is read, routed or believed. A recipient may merge trailers into the headers, so these
 * count only where they were checked: in the head (RFC 9110, section 6.5.1).
 */
const headOnly: ReadonlySet<string> = new Set([
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "location",
  "max-forwards",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "via",
  "www-authenticate",
]);

/**
 * The trailers of a request or response that are passed on, without those that count only in the head.
 *
 * @param names that a caller can bring in the head only, where they are checked, in any spelling.
 */
export function forwardedTrailers(raw: RawHeaders, names: ProtectedHeaders): [name: string, value: string][] {
  return headerPairs(raw).filter(([name, value]) => {
    const lowerCase = name.toLowerCase();
    const isProtected = names.has(lowerCase) || names.isOtherSpelling(lowerCase);
    return !isProtected && !headOnly.has(lowerCase) && isSendable(name, value);
  });
}

/** Whether Node sends a field: undici and Node's parser let more through than its writer. */
function isSendable(name: string, value: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value);
}
