import type { Awaitable } from "../core/awaitable.ts";
import { emptyBytes } from "../core/bytes.ts";
import { type FingerprintedRequest, requestFingerprint } from "../key/fingerprint.ts";

/**
 * Which parts of a request make it the same operation: besides its method and path, which always do, whatever JSON value
 * this returns of it. The same operation must come to the same value each time.
 */
export type CoveredParts<Request> = (request: FingerprintedRequest, native: Request) => unknown;

const jsonType = "application/json";

/** The fingerprint of a request, over what its route covers. A function that covers nothing, or throws, covers all. */
export function coveredFingerprint<Request>(
  rules: { fingerprint: "request" | "body" | "target" | CoveredParts<Request>; onError: (error: unknown) => void },
  request: FingerprintedRequest,
  native: Request,
): Awaitable<string> {
  if (rules.fingerprint === "request") return requestFingerprint(request);
  if (rules.fingerprint === "target") return requestFingerprint({ ...request, contentType: "", body: emptyBytes(0) });
  if (rules.fingerprint === "body") return requestFingerprint({ ...request, query: "", contentType: jsonType });
  let parts: string;
  try {
    parts = jsonOf(rules.fingerprint(request, native));
  } catch (error) {
    rules.onError(error);
    return requestFingerprint(request);
  }
  const body = new TextEncoder().encode(parts);
  return requestFingerprint({ ...request, query: "", contentType: jsonType, body });
}

/** A value that would make all requests equal. */
const nothing: ReadonlySet<string | undefined> = new Set([undefined, "null", '""', "[]", "{}"]);

/** @throws TypeError for what would let any two requests pass for one. */
function jsonOf(parts: unknown): string {
  const json = parts instanceof Promise ? undefined : (JSON.stringify(parts) as string | undefined);
  if (json !== undefined && !nothing.has(json)) return json;
  throw new TypeError(
    "The fingerprint function covered nothing of this request, so all of it was covered. Return what differs between " +
      'operations, at once and not as a promise, or set fingerprint: "target" to leave bodies out.',
  );
}
