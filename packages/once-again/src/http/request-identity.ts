import { type Awaitable, ignoreRejection, isPromise } from "../core/awaitable.ts";
import { emptyBytes } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { NoEffectError } from "../engine/engine.ts";
import type { CheckedEngineOptions } from "../engine/options.ts";
import { type FingerprintedRequest, requestFingerprint } from "../key/fingerprint.ts";
import { keyHeaderName, keyTime, parseKey } from "../key/index.ts";
import { nameProblem, namesNothing } from "../key/key.ts";
import { isSeedKey } from "../key/seed-key.ts";
import { sha256 } from "../key/sha256.ts";
import type { CheckedHttpRules } from "./checked-rules.ts";
import type { Covered, HttpRules } from "./http-options.ts";
import type { IdentifiedRequest, Identify, ReceivedRequest } from "./webhook-rules.ts";
import type { ProblemCode } from "./refusals.ts";

/** A request that its key, or its message, keeps from going on. */
interface Refused {
  readonly kind: "refused";
  readonly code: ProblemCode;
  readonly detail: string;
}

type KeyRules = Pick<CheckedHttpRules<never>, "keyHeader" | "keyRequired" | "expiredKeys" | "scope">;

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
  const isUsual = keyHeader.toLowerCase() === usualHeader;
  const parsed = parseKey(request.headerValues(keyHeader.toLowerCase()));
  if (parsed.kind === "malformed") return invalidKey(`The ${keyHeader} header can't be read: ${parsed.problem}.`);
  if (parsed.kind === "missing") {
    const usual = isUsual ? [] : request.headerValues(usualHeader);
    const browsersKey = readBrowsersKey(usual, 1);
    if (usual.length > 0 && browsersKey === undefined) {
      return invalidKey(`This operation takes its key in the header ${keyHeader}, not in ${keyHeaderName}.`);
    }
    // A browser's key has its own re-sends answered once, where the page brings none.
    if (!rules.keyRequired) return browsersKey === undefined ? { kind: "no-key" } : newKey(browsersKey);
    const alike = alikeNames.find((name) => request.headerValues(name.toLowerCase()).length > 0);
    if (alike !== undefined) return invalidKey(`You sent ${alike}. This operation takes its key in ${keyHeader}.`);
    const article = /^[aeiou]/i.test(keyHeader) ? "an" : "a";
    return invalidKey(`This operation needs ${article} ${keyHeader} header: one new key for each operation.`);
  }
  if (rules.scope === "public" && isSeedKey(parsed.key)) return invalidKey(sharedSeedKey);
  if (isUsual && rules.keyRequired && isBrowsersKey(request)) {
    return invalidKey(
      `The ${keyHeaderName} of this request was made by the browser, for the browser's own repeats. This operation needs one ` +
        "from the page: one new key for each operation, with a letter in it.",
    );
  }
  const madeAt = rules.expiredKeys === "refuse" ? keyTime(parsed.key) : undefined;
  const isOld = madeAt !== undefined && madeAt + options.retentionMs < options.clock.now();
  return { kind: "key", key: parsed.key, isOld };
}

const newKey = (key: string): ReadKey => ({ kind: "key", key, isOld: false });

/** A 64-bit number in quotes, as Firefox writes the keys that it makes. Fewer than one in 10,000 of them have fewer digits. */
const browsersDigitsMin = 16;

/**
 * The key that a browser may have made: Firefox does for every POST and PATCH that has none (`network.http.idempotencyKey.enabled`),
 * and sends it again with its own repeats.
 */
function readBrowsersKey(values: readonly string[], digitsMin: number): string | undefined {
  if (values.length !== 1) return undefined;
  const [, digits = ""] = /^"(\d{1,20})"$/.exec(values[0]!) ?? [];
  return digits.length >= digitsMin && BigInt(digits) < 2n ** 64n ? digits : undefined;
}

/**
 * Whether the browser made the key of a request, and not the page. Browsers say by `Sec-Fetch-Mode` that a request is theirs,
 * which no script can set.
 */
function isBrowsersKey(request: { headerValues(lowerCaseName: string): readonly string[] }): boolean {
  const key = readBrowsersKey(request.headerValues(usualHeader), browsersDigitsMin);
  return key !== undefined && request.headerValues("sec-fetch-mode").length > 0;
}

const invalidKey = (detail: string): Refused => ({ kind: "refused", code: "ONCE_KEY_INVALID", detail });

/** Such a key can be made for as long as its seed lives, and on a public route all who can make it share the response. */
const sharedSeedKey =
  "This key is derived from a seed, and all callers of this operation share their keys. Have the route name its caller (scope), or open the intents without a seed.";

const usualHeader = keyHeaderName.toLowerCase();

/** Names that other APIs have for the header. */
const alikeNames = ["X-Idempotency-Key", "Idempotency-Token", "X-Idempotency-Token", "Idempotence-Key"];

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
  covered: Covered<Request>,
  onError: (error: unknown) => void,
  request: FingerprintedRequest,
  native: Request,
): Awaitable<string> {
  if (covered === "request") return requestFingerprint(request);
  if (covered === "target") return requestFingerprint({ ...request, contentType: "", body: emptyBytes(0) });
  if (covered === "body") return requestFingerprint({ ...request, query: "", contentType: jsonType });
  let parts: string;
  try {
    parts = jsonOf(covered(request, native));
  } catch (error) {
    onError(error);
    return requestFingerprint(request);
  }
  const body = new TextEncoder().encode(parts);
  return requestFingerprint({ ...request, query: "", contentType: jsonType, body });
}

/** A value that would make all requests equal. */
const nothing: ReadonlySet<string | undefined> = new Set([undefined, "null", '""', "[]", "{}"]);

/** @throws TypeError for what would let any two requests pass for one. */
function jsonOf(parts: unknown): string {
  ignoreRejection(parts);
  const json = parts instanceof Promise ? undefined : (JSON.stringify(parts) as string | undefined);
  if (json !== undefined && !nothing.has(json)) return json;
  throw new TypeError(
    "The fingerprint function covered nothing of this request, so all of it was covered. Return what differs between " +
      'operations, at once and not as a promise, or set fingerprint: "target" to leave bodies out.',
  );
}
