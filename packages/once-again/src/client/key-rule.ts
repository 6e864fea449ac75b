import { invalidOptionError } from "../core/options.ts";
import { keyHeaderName } from "../key/key.ts";
import { originRule } from "./origin-rule.ts";
import type { ResponseHead } from "./retry-rule.ts";

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
      const parsed = URL.parse(url);
      const named: unknown = parsed !== null && keys(parsed);
      if (typeof named === "boolean") return named;
      throw invalidOptionError("keys", "a function that returns true or false, at once", named);
    };
  }
  if (keys === true || Array.isArray(keys)) return originRule("keys", keys);
  throw invalidOptionError("keys", 'true, "off", a list of origins or a function of the URL', keys);
}

/**
 * Learns from a response whether its place honours keys: once-again's servers say their policy, and a replay proves it. A
 * place that succeeds without saying so is forgotten. A redirected response is that of another place.
 */
export function learnPlace({ learned }: KeyRule, place: string, head: ResponseHead, keyHeader: string): void {
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
