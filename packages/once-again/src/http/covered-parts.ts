import { emptyBytes } from "../core/bytes.ts";
import { fingerprint, type FingerprintedRequest } from "../key/index.ts";

/**
 * Which parts of a request make it the same operation: besides its method and path, which always do, whatever JSON value
 * this returns of it. The same operation must come to the same value each time.
 */
export type CoveredParts<Request> = (request: FingerprintedRequest, native: Request) => unknown;

/** The fingerprint of a request, over what its route covers. A function that covers nothing, or throws, covers all. */
export async function coveredFingerprint<Request>(
  rules: { fingerprint: "request" | "target" | CoveredParts<Request>; onError: (error: unknown) => void },
  request: FingerprintedRequest,
  native: Request,
): Promise<string> {
  if (rules.fingerprint === "request") return fingerprint(request);
  if (rules.fingerprint === "target") return fingerprint({ ...request, contentType: "", body: emptyBytes(0) });
  let parts: string;
  try {
    parts = jsonOf(rules.fingerprint(request, native));
  } catch (error) {
    rules.onError(error);
    return fingerprint(request);
  }
  const body = new TextEncoder().encode(parts);
  return fingerprint({ ...request, query: "", contentType: "application/json", body });
}

/** What tells no two requests apart. */
const nothing: ReadonlySet<string | undefined> = new Set([undefined, "null", '""', "[]", "{}"]);

/** @throws TypeError for what would let any two requests pass for one. */
function jsonOf(parts: unknown): string {
  const json = parts instanceof Promise ? undefined : (JSON.stringify(parts) as string | undefined);
  if (json !== undefined && !nothing.has(json)) return json;
  throw new TypeError(
    "The fingerprint function covered nothing of this request, so all of it was covered. Return what tells two " +
      'operations apart, at once and not as a promise, or set fingerprint: "target" to leave bodies out.',
  );
}
