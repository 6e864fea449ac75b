import { keyHeaderName, keyTime, parseKey } from "../key/index.ts";
import type { ProblemCode } from "./problem.ts";
import type { Route } from "./route.ts";
import type { IdentifiedMessage } from "./message.ts";

/** The reading of a request's key header: the key of its operation, none, or a refusal. */
export type Admission =
  /** `isOld`: it was made longer ago than results are stored, so its result may have been there and be gone. */
  { key: string | undefined; isOld: boolean; message?: IdentifiedMessage } | { refused: ProblemCode; detail: string };

/**
 * Says whether a request may go on, by its key's header alone.
 *
 * @param covered whether the request's method takes a key; if not, the header is ignored.
 */
export function admission(
  { rules, options }: Pick<Route<never, never>, "rules" | "options">,
  request: { headerValues(lowerCaseName: string): readonly string[] },
  covered: boolean,
): Admission {
  const none = { key: undefined, isOld: false };
  if (!covered) return none;
  const { keyHeader } = rules;
  const parsed = parseKey(request.headerValues(keyHeader.toLowerCase()));
  const refused = (detail: string): Admission => ({ refused: "ONCE_KEY_INVALID", detail });
  if (parsed.kind === "malformed") return refused(`The ${keyHeader} header can't be read: ${parsed.problem}.`);
  if (parsed.kind === "missing") {
    if (keyHeader.toLowerCase() !== usualHeader && request.headerValues(usualHeader).length > 0) {
      return refused(`This operation takes its key in the header ${keyHeader}, not in ${keyHeaderName}.`);
    }
    if (!rules.keyRequired) return none;
    const article = /^[aeiou]/i.test(keyHeader) ? "an" : "a";
    return refused(`This operation needs ${article} ${keyHeader} header: one new key for each operation.`);
  }
  const madeAt = rules.oldKeys === "refuse" ? keyTime(parsed.key) : undefined;
  return { key: parsed.key, isOld: madeAt !== undefined && madeAt + options.retentionMs < options.clock.now() };
}

const usualHeader = keyHeaderName.toLowerCase();
