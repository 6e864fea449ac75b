import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { emptyBytes } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { NoEffectError } from "../engine/engine.ts";
import type { CheckedEngineOptions } from "../engine/options.ts";
import { type FingerprintedRequest, requestFingerprint } from "../key/fingerprint.ts";
import { keyHeaderName, keyTime, parseKey } from "../key/index.ts";
import { nameProblem, namesNothing } from "../key/key.ts";
import { sha256 } from "../key/sha256.ts";
import type { CheckedHttpRules } from "./checked-rules.ts";
import type { CoveredParts, HttpRules } from "./http-options.ts";
import type { IdentifiedRequest, Identify, ReceivedRequest } from "./webhook-rules.ts";
import type { ProblemCode } from "./refusals.ts";

/** A request that its key, or its message, keeps from going on. */
interface Refused {
  readonly kind: "refused";
  readonly code: ProblemCode;
  readonly detail: string;
}

type KeyRules = Pick<CheckedHttpRules<never>, "keyHeader" | "keyRequired" | "expiredKeys">;

/** The reading of a request's key header. */
export type ReadKey =
  /** `isOld`: it was made longer ago than results are stored, so its result may have been there and be gone. */
  { readonly kind: "key"; readonly key: string; readonly isOld: boolean } | { readonly kind: "no-key" } | Refused;

/** Reads the key of a request from its header. */
export function readKey(
  { rules, options }: { rules: KeyRules; options: Pick<CheckedEngineOptions, "retentionMs" | "clock"> },
  request: { headerValues(lowerCaseName: string): readonly string[] },
): ReadKey {
  const { keyHeader } = rules;
  const parsed = parseKey(request.headerValues(keyHeader.toLowerCase()));
  if (parsed.kind === "malformed") return invalidKey(`The ${keyHeader} header can't be read: ${parsed.problem}.`);
  if (parsed.kind === "missing") {
    if (keyHeader.toLowerCase() !== usualHeader && request.headerValues(usualHeader).length > 0) {
      return invalidKey(`This operation takes its key in the header ${keyHeader}, not in ${keyHeaderName}.`);
    }
    if (!rules.keyRequired) return { kind: "no-key" };
    const article = /^[aeiou]/i.test(keyHeader) ? "an" : "a";
    return invalidKey(`This operation needs ${article} ${keyHeader} header: one new key for each operation.`);
  }
  const madeAt = rules.expiredKeys === "refuse" ? keyTime(parsed.key) : undefined;
  const isOld = madeAt !== undefined && madeAt + options.retentionMs < options.clock.now();
  return { kind: "key", key: parsed.key, isOld };
}

const invalidKey = (detail: string): Refused => ({ kind: "refused", code: "ONCE_KEY_INVALID", detail });

const usualHeader = keyHeaderName.toLowerCase();

/** A request without its body, which is read apart. */
interface MessageHead extends Omit<ReceivedRequest, "body" | "header"> {
  headerValues(lowerCaseName: string): readonly string[];
}

/** The operation that a message names, as its route's own rule says. A rule that fails has not believed the message. */
export async function identifyMessage(
  { identify, onError }: { identify: Identify | undefined; onError: (error: unknown) => void },
  request: MessageHead,
  body: Uint8Array<ArrayBuffer>,
): Promise<({ readonly kind: "message" } & IdentifiedRequest) | Refused> {
  const { method, path, query, contentType } = request;
  const header = (name: string): string | undefined => {
    const values = request.headerValues(name.toLowerCase());
    return values.length === 1 ? values[0] : undefined;
  };
  let identified: IdentifiedRequest | undefined;
  try {
    identified = await identify?.({ method, path, query, contentType, body, header });
  } catch (error) {
    // A forged message is no news. A fault of the rule itself would not be seen otherwise.
    if (isFault(error)) onError(error);
  }
  if (identified === undefined) {
    return { kind: "refused", code: "ONCE_SIGNATURE_INVALID", detail: notBelieved };
  }
  const { key, event } = identified;
  const problem = nameProblem(key);
  if (problem === undefined) return { kind: "message", key, event };
  return invalidKey(`The id of this message is ${problem}.`);
}

function isFault(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || OnceAgainError.isInstance(error);
}

const notBelieved =
  "This message is not signed by its sender, was changed on its way, or is older than is allowed. Nothing happened.";

/**
 * How long a scope may be in the index of any store, bytes as it is written there. More than an operation's name may have,
 * since a scope may be a caller's id with a path behind it.
 */
const scopeBytesMax = 1024;

/** No character takes more bytes there than this: a control character is an escape of six. */
const bytesOfCharacterMax = 6;

/**
 * The scope of a request: what the route's function says of it.
 *
 * @throws NoEffectError when it can't name the caller of the request.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a scope that no store takes: to come back later is no help.
 */
export function scopeOf<Request>(
  { scope, onError }: { scope: HttpRules<Request>["scope"]; onError: (error: unknown) => void },
  request: Request,
): Awaitable<string> {
  if (scope === "public") return scope;
  return callersScope(scope, onError, request);
}

/** A name that is there already is not awaited: each wait allocates as much as a claim. */
function callersScope<Request>(
  scope: Exclude<HttpRules<Request>["scope"], "public">,
  onError: (error: unknown) => void,
  request: Request,
): Awaitable<string> {
  let naming: Awaitable<unknown>;
  try {
    naming = scope(request);
    if (!isPromise(naming)) naming = namedCaller(naming);
  } catch (cause) {
    return refuseCaller(cause, onError);
  }
  return isPromise(naming) ? awaitedScope(naming, onError) : boundedScope(naming as string);
}

async function awaitedScope(naming: Promise<unknown>, onError: (error: unknown) => void): Promise<string> {
  let name: string;
  try {
    name = namedCaller(await naming);
  } catch (cause) {
    return refuseCaller(cause, onError);
  }
  return boundedScope(name);
}

function refuseCaller(cause: unknown, onError: (error: unknown) => void): never {
  onError(cause);
  throw new NoEffectError("The scope of this request could not be determined. Nothing happened.", { cause });
}

function boundedScope(name: string): string {
  if (name.length * bytesOfCharacterMax > scopeBytesMax) checkLength(name);
  return name;
}

/** @throws TypeError for a value that names no caller. */
function namedCaller(name: unknown): string {
  // A store writes UTF-8, in which all malformed names look alike.
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw new TypeError(`The scope function must return a string of well-formed Unicode. ${advice}`);
  }
  // All callers without one would share their keys, and see each other's answers.
  if (namesNothing(name)) {
    throw new TypeError(`The scope function returned ${JSON.stringify(name)}, which names no caller. ${advice}`);
  }
  return name;
}

const advice =
  "Return the id of the account or tenant that was authenticated, and answer 401 to a request without credentials before it " +
  "comes here.";

/** Paths that may stand in a scope as they are, characters. */
const pathLengthMax = 256;

/**
 * The scope of a caller's keys at one path. A path has no space in it, so no two of them come to the same.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a scope that no store takes beside a path.
 */
export async function scopeAtPath(caller: string, path: string): Promise<string> {
  const scope = `${caller} ${path.length <= pathLengthMax ? path : await sha256(path)}`;
  checkLength(scope);
  return scope;
}

function checkLength(name: string): void {
  const bytes = new TextEncoder().encode(JSON.stringify(name)).length - 2;
  if (bytes <= scopeBytesMax) return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `The scope function returned a scope of ${bytes} bytes, and ${scopeBytesMax} are allowed. Return an id, or a hash.`,
    { details: { option: "scope" } },
  );
}

/**
 * The path of a request's target, also of one that was sent to a proxy with scheme and host before it (RFC 9112, section
 * 3.2.2): both are the same request.
 */
export function originForm(path: string): string {
  if (path.startsWith("/")) return path;
  const scheme = /^[a-z][a-z\d+.-]*:\/\/[^/]*/i.exec(path);
  return scheme === null ? path : path.slice(scheme[0].length) || "/";
}

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
