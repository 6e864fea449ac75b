import { checkPlatform } from "../core/check-platform.ts";
import type { Engine, Execution } from "../engine/engine.ts";
import { openEngine } from "../engine/open-engine.ts";
import { type CheckedEngineOptions, checkEngineOptions, engineOptionsOf } from "../engine/options.ts";
import { type StoreDoor, storeDoor } from "../engine/store-door.ts";
import { unkeyedAttempt } from "../engine/unkeyed-work.ts";
import type { TransactionalStore } from "../stores/store.ts";
import { HandlerExecution } from "./handler-execution.ts";
import { type CheckedHttpRules, checkHttpRules, type HttpOptions } from "./http-options.ts";
import { type QuotaCount, quotaCount } from "./key-quota.ts";
import { type IdempotencyPolicy, idempotencyPolicy, policyHeader, policyHeaderName } from "./policy.ts";

/** One route: its rules, checked, and what they are carried out by. */
export interface Route<Request, Transaction> {
  readonly rules: CheckedHttpRules<Request>;
  readonly options: CheckedEngineOptions;
  readonly engine: Engine<Transaction>;
  /** For a look at a key that no operation is run for. */
  readonly door: StoreDoor<Transaction>;
  /** Missing where the store has no high-water marks. */
  readonly moveMark: TransactionalStore<Transaction>["moveMark"];
  readonly quota: QuotaCount;
  readonly policy: IdempotencyPolicy;
  readonly policyHeader: readonly [name: string, value: string];
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
export function openRoute<Request, Transaction>(given: HttpOptions<Request, Transaction>): Route<Request, Transaction> {
  checkPlatform();
  const rules = checkHttpRules(given);
  const options = checkEngineOptions(engineOptionsOf(given));
  const door = storeDoor<Transaction>(given.store, options);
  const policy = idempotencyPolicy({ ...rules, retentionMs: options.retentionMs });
  return {
    rules,
    options,
    door,
    engine: openEngine(given, options, door),
    moveMark: rules.transactional ? door.moveMark : undefined,
    quota: quotaCount(rules.quota, options.clock),
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

/** What a handler is told of a request that passes through a leased route, which holds nothing of it. */
export function passingExecution<Request, Transaction>({
  door,
  options,
}: Route<Request, Transaction>): Execution<Transaction> {
  const attempt = unkeyedAttempt(door, "", options);
  return new HandlerExecution(attempt) as Execution as Execution<Transaction>;
}
