import { checkNumber, requireBoolean, invalidOptionError } from "../core/options.ts";
import { uniform } from "../core/random.ts";
import type { Decision } from "./decision.ts";
import type { FailureKind } from "./budgets/budget.ts";
import type { DenialReason } from "./retry-event.ts";
import type { RetryPolicy } from "./retry-options.ts";

/** How far a call has come. */
export interface Progress {
  /** Attempts made. */
  readonly attempts: number;
  readonly elapsedMs: number;
  /** The backoff's answer for the retry before, 0 before the first. */
  readonly previousDelayMs: number;
}

/** The plan after an attempt that is not the result: a wait, or the end, by a limit or by the decision. */
export type Plan =
  | {
      readonly action: "wait";
      readonly delayMs: number;
      /** The backoff's own answer, which its next one may build on. */
      readonly backoffMs: number;
      /** The kind of failure that the budget was charged for; `undefined` when it was not. */
      readonly kind: FailureKind | undefined;
      readonly why: string | undefined;
      readonly noEffect: boolean;
    }
  | {
      readonly action: "limit";
      readonly why: Limit;
      readonly delayMsMin: number | undefined;
      readonly noEffect: boolean;
    }
  | { readonly action: "stop"; readonly why: DenialReason };

/** The limits that can end a call that would otherwise be tried again. */
export type Limit = "attempts" | "deadline" | "budget";

/** An attempt that would have less than this is not begun: it could only be cut, and leave its outcome unknown. */
export const attemptMsMin = 1;

const delayBounds = { min: 0, max: Number.MAX_VALUE };

/**
 * Plans the way on. The budget is asked last, so that no token is taken for a retry that another limit forbids.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` when the backoff answers with anything but a finite number >= 0, and when the
 *   decision is not a Decision, or names such a delay.
 */
export function planRetry(
  policy: Pick<RetryPolicy<never>, "attemptsMax" | "backoff" | "timeoutMs" | "budget" | "random">,
  decision: Decision | undefined,
  { attempts, elapsedMs, previousDelayMs }: Progress,
): Plan {
  if (decision?.action === "stop") return decision;
  if (decision?.action === "done") return { action: "stop", why: "done" };
  // A promise, of an async function, would pass for another attempt at what has succeeded.
  if (decision?.action !== "retry") {
    throw invalidOptionError("decide", "a function that returns a Decision, at once", decision);
  }
  const { budget, timeoutMs, random } = policy;
  const { delayMsMin, free = false, kind = "transient", noEffect = false, why } = decision;
  if (delayMsMin !== undefined) checkNumber("the decision's delayMsMin", delayMsMin, delayBounds);
  if (!free) budget?.onFailure?.();
  const limit = (why: Limit): Plan => ({ action: "limit", why, delayMsMin, noEffect });
  if (attempts >= policy.attemptsMax) return limit("attempts");

  const delay = policy.backoff({ retry: attempts, previousDelayMs, random });
  const backoffMs = checkNumber("the backoff's delay", delay, delayBounds);
  const delayMs = delayMsMin === undefined ? backoffMs : delayMsMin + uniform(random, 0, backoffMs);
  if (timeoutMs !== undefined && elapsedMs + delayMs + attemptMsMin > timeoutMs) return limit("deadline");
  const isPaid = budget !== undefined && !free;
  if (isPaid && !requireBoolean("budget.tryTake()", budget.tryTake(kind))) return limit("budget");
  return { action: "wait", delayMs, backoffMs, kind: isPaid ? kind : undefined, why, noEffect };
}
