import { keyTime, parseKey } from "../key/index.ts";
import type { ProblemCode } from "./problem.ts";
import type { Route } from "./route.ts";

/** What the key's header of a request comes to: the key of its operation, none, or a refusal. */
export type Admission =
  /** `isOld`: it tells that it was made longer ago than results are kept, so its result may have been there and be gone. */
  { key: string | undefined; isOld: boolean } | { refused: ProblemCode; detail: string };

/**
 * Says whether a request may go on, by its key's header alone.
 *
 * @param covered whether the request's method takes a key; if not, the header is ignored.
 */
export function admission(
  { rules, options }: Pick<Route<never, never>, "rules" | "options">,
  keyValues: readonly string[],
  covered: boolean,
): Admission {
  const none = { key: undefined, isOld: false };
  if (!covered) return none;
  const parsed = parseKey(keyValues);
  if (parsed.kind === "malformed") {
    return { refused: "ONCE_KEY_INVALID", detail: `The Idempotency-Key header can't be read: ${parsed.problem}.` };
  }
  if (parsed.kind === "missing") {
    const detail = "This operation needs an Idempotency-Key header: one new key for each operation.";
    return rules.keyRequired ? { refused: "ONCE_KEY_INVALID", detail } : none;
  }
  const madeAt = rules.oldKeys === "refuse" ? keyTime(parsed.key) : undefined;
  return { key: parsed.key, isOld: madeAt !== undefined && madeAt + options.retentionMs < options.clock.now() };
}
