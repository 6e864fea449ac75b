import { requireBoolean, invalidOptionError } from "../core/options.ts";
import { isIdempotentMethod } from "../delivery/index.ts";
import { keyHeaderName } from "../key/key.ts";
import { RedirectError } from "./follow-redirects.ts";
import { originRule } from "./per-origin.ts";
import type { ResponseHead } from "./should-retry.ts";

/**
 * Which servers honour keys: all (`true`), those of a list of origins, or those that a function of the URL says. `"off"`:
 * no key is made.
 */
export type KeysOption = true | "off" | readonly string[] | ((url: URL) => boolean);

/** Where keys are known to be honoured. */
export interface KeyRule {
  /** Whether a POST or PATCH that brings no key gets one. */
  readonly makesKeys: boolean;
  /** Whether the user says that the server of a URL honours keys. */
  readonly isNamed: (origin: string, url: string) => boolean;
  /** The places that have said so themselves, the latest last: a method and a URL without its query. */
  readonly learned: Set<string>;
}

/** How many places are remembered. */
const learnedMax = 1000;

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function keyRule(keys: KeysOption | undefined): KeyRule {
  const isNamed = keys === undefined || keys === "off" ? () => false : namingRule(keys);
  return { makesKeys: keys !== "off", isNamed, learned: new Set() };
}

function namingRule(keys: Exclude<KeysOption, "off">): KeyRule["isNamed"] {
  if (typeof keys === "function") {
    return (_origin, url) => {
      const parsedUrl = URL.parse(url);
      return parsedUrl !== null && requireBoolean("keys()", keys(parsedUrl));
    };
  }
  if (keys === true || Array.isArray(keys)) return originRule("keys", keys);
  throw invalidOptionError("keys", 'true, "off", a list of origins or a function of the URL', keys);
}

/**
 * Learns from a response whether its place honours keys: once-again's servers say their policy, and a replay proves it. A
 * place that succeeds without saying so is forgotten. A redirected response is that of another place.
 */
function learnPlace({ learned }: KeyRule, place: string, head: ResponseHead, keyHeader: string): void {
  if (head.redirected) return;
  const isHonoured = honoursKeys(head, keyHeader);
  if (!isHonoured && head.status > 299) return;
  learned.delete(place);
  if (!isHonoured) return;
  learned.add(place);
  const [oldest = ""] = learned;
  if (learned.size > learnedMax) learned.delete(oldest);
}

function honoursKeys({ headers }: ResponseHead, keyHeader: string): boolean {
  const policy = headers.get("Idempotency-Key-Policy");
  if (policy === null) return headers.get("Idempotent-Replayed") === "true";
  const [, header = keyHeaderName] = /\bheader="?([^",;\s]+)/.exec(policy) ?? [];
  return header.toLowerCase() === keyHeader.toLowerCase();
}

/** Whether one call's request may be sent again after an attempt that may have arrived. */
export interface Repeats {
  /** It may become `true` by a response, and `false` by a redirect. */
  readonly areSafe: boolean;
  /** The origin that is not known to honour keys, where that is why they are not safe. */
  readonly unknownOrigin: string | undefined;
  /** Learns from the response to one of the call's requests. */
  learn(head: ResponseHead): void;
  /**
   * A redirect leads one sending to another place, to which its key goes, too.
   *
   * @param url `undefined`: it can't be seen where.
   * @throws RedirectError when another sending of this call was led to the same place, which is not known to honour keys.
   */
  enter(method: string, url: URL | undefined, sending: object): void;
}

/** Sending it twice means the same as once. */
export const safeRepeats: Repeats = constant(true);
/** Sending it twice may be a second effect. */
export const unsafeRepeats: Repeats = constant(false);

function constant(areSafe: boolean): Repeats {
  return { areSafe, unknownOrigin: undefined, learn() {}, enter() {} };
}

/** A request, as far as it decides whether it may be repeated. */
interface RepeatedRequest {
  readonly method: string;
  readonly key: string | undefined;
  readonly origin: string;
  /** Origin and path. */
  readonly url: string;
  /** The caller's claim; `undefined`: it made none. */
  readonly repeatable?: boolean | undefined;
}

/**
 * Repeats are safe with an idempotent method, where the caller says so, and with a key at a server that is known to honour
 * it: one that the user has named, or one that has said so itself.
 *
 * @throws what the user's own function `keys` throws.
 */
export function repeatsOf(
  request: RepeatedRequest,
  { keyHeader, keys }: { readonly keyHeader: string; readonly keys: KeyRule },
): Repeats {
  const { key, method, origin, url, repeatable = isIdempotentMethod(method) } = request;
  if (repeatable) return safeRepeats;
  if (key === undefined || request.repeatable === false) return unsafeRepeats;
  return new KeyedRepeats(`${method} ${url}`, keys.isNamed(origin, url) ? undefined : origin, keyHeader, keys);
}

/** The repeats of a call with a key. A class, since V8 gives each object literal with a getter a separate shape. */
class KeyedRepeats implements Repeats {
  readonly #first: string;
  readonly #keyHeader: string;
  readonly #keys: KeyRule;
  /** The places that the user has not named, each with the sending that was led there; made for the first of them. */
  #unnamed: Map<string, { readonly origin: string; readonly sending?: object }> | undefined;

  /** @param unnamedOrigin the origin of the call's own place, where the user has not named it. */
  constructor(first: string, unnamedOrigin: string | undefined, keyHeader: string, keys: KeyRule) {
    this.#first = first;
    this.#keyHeader = keyHeader;
    this.#keys = keys;
    if (unnamedOrigin !== undefined) this.#unnamed = new Map([[first, { origin: unnamedOrigin }]]);
  }

  get areSafe(): boolean {
    return this.unknownOrigin === undefined;
  }

  get unknownOrigin(): string | undefined {
    if (this.#unnamed === undefined) return undefined;
    for (const [place, { origin }] of this.#unnamed) if (!this.#keys.learned.has(place)) return origin;
    return undefined;
  }

  learn(head: ResponseHead): void {
    if (this.#unnamed?.has(this.#first)) learnPlace(this.#keys, this.#first, head, this.#keyHeader);
  }

  enter(method: string, target: URL | undefined, sending: object): void {
    const { origin, pathname } = target ?? { origin: "", pathname: "" };
    const url = origin + pathname;
    if (isIdempotentMethod(method) || this.#keys.isNamed(origin, url)) return;
    const place = `${method} ${url}`;
    const before = this.#unnamed?.get(place)?.sending;
    if (before !== undefined && before !== sending && !this.#keys.learned.has(place)) {
      throw new RedirectError(
        `Another attempt was redirected to ${url || "the same place"}, which is not known to honour keys.`,
      );
    }
    this.#unnamed ??= new Map();
    this.#unnamed.set(place, { origin, sending });
  }
}
