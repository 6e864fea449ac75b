import { checkPlatform } from "../core/check-platform.ts";
import { openEngine, type RoomEngine } from "../engine/open-engine.ts";
import { type CheckedHttpRules, checkHttpRules } from "./checked-rules.ts";
import { type FlatOptions, optionPath } from "./flat-options.ts";
import { type QuotaCount, quotaCount } from "./key-quota.ts";
import { type IdempotencyPolicy, idempotencyPolicy, policyHeader, policyHeaderName } from "./profile.ts";

/** One route: its checked rules, and the engine under them. */
export interface Route<Request, Transaction> extends RoomEngine<Transaction> {
  readonly rules: CheckedHttpRules<Request>;
  readonly quota: QuotaCount;
  readonly policy: IdempotencyPolicy;
  readonly policyHeader: readonly [name: string, value: string];
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
export function openRoute<Request, Transaction>(
  options: FlatOptions<Request, Transaction>,
): Route<Request, Transaction> {
  checkPlatform();
  const rules = checkHttpRules(options);
  const room = openEngine(options, optionPath);
  const policy = idempotencyPolicy({ ...rules, retentionMs: room.options.retentionMs });
  return {
    ...room,
    rules,
    quota: quotaCount(rules.quota, room.options.clock),
    policy,
    policyHeader: [policyHeaderName, policyHeader(policy)],
  };
}

/** Whether requests of a method take a key. */
export function takesKey({ rules }: Pick<Route<never, never>, "rules">, method: string): boolean {
  return rules.identify !== undefined || rules.methods.includes(method.toUpperCase());
}

/** Whether a route's own rule has a request pass through. A rule that can't say so skips nothing. */
export function isSkipped<Request>({ skip, onError }: CheckedHttpRules<Request>, native: Request): boolean {
  if (skip === undefined) return false;
  try {
    const answer: unknown = skip(native);
    if (typeof answer === "boolean") return answer;
    onError(new TypeError("The skip function must return true or false, at once. The request was not skipped."));
  } catch (error) {
    onError(error);
  }
  return false;
}
