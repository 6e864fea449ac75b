import type { Clock } from "../../../core/clock.ts";
import { OnceAgainError } from "../../../core/errors.ts";
import type { Random } from "../../../core/random.ts";
import { errorVerdict, statusVerdict } from "../../../delivery/index.ts";
import type { Outcome } from "../../../retry/attempt.ts";
import { awsBackoff, type AwsFailureKind, awsNumbers } from "../../../retry/aws-rules.ts";
import { awsBudget } from "../../../retry/budgets/aws-budget.ts";
import type { Decision } from "../../../retry/decision.ts";
import { runRetry } from "../../../retry/retry.ts";
import { AnswerError } from "./answer.ts";

/** How requests are sent again. */
interface RetrierParts {
  readonly attemptsMax: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

const { attemptsMax: attemptsByDefault, baseMs } = awsNumbers["aws-dynamodb"];
const backoffAfter = awsBackoff(baseMs);

/**
 * Sends requests again by the rules of AWS' standard mode for DynamoDB, with one quota for all.
 *
 * @returns a function that throws the error of the request, as the SDK does, and the signal's reason when it aborts.
 */
export function retrier({ attemptsMax = attemptsByDefault, clock, random }: RetrierParts) {
  const budget = awsBudget();
  return async <Output>(send: () => Promise<Output>, signal: AbortSignal): Promise<Output> => {
    let last: unknown;
    let lastKind: AwsFailureKind = { isThrottled: false, hintMs: undefined };
    /** An error that leaves open whether the request was executed. */
    let doubt: unknown;
    const decide = (outcome: Outcome<Output>): Decision => {
      if ("value" in outcome) return { action: "done" };
      last = outcome.error;
      // There are no credentials: their provider has its own retries.
      if (OnceAgainError.isInstance(last)) return { action: "stop", why: "permanent" };
      const { decision, isDoubt, ...kind } = judge(last);
      lastKind = kind;
      if (isDoubt) doubt ??= last;
      return decision;
    };
    try {
      return await runRetry(send, {
        ...{ attemptsMax, budget, decide, signal, clock, random, timeoutMs: undefined },
        backoff: (context) => backoffAfter(lastKind)(context),
      });
    } catch (error) {
      if (signal.aborted || error === last) throw error;
      // A limit has forbidden another attempt. That the last one was never sent says nothing of those before it.
      throw doubt ?? last;
    }
  };
}

/** The errors by which DynamoDB says that it is asked for too much, as the SDK has them. */
const throttles: ReadonlySet<string> = new Set([
  "LimitExceededException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "TransactionInProgressException",
]);

/** The errors below 500 that pass, as the SDK has them: nothing was written. */
const passingRefusals: ReadonlySet<string> = new Set([
  "ReplicatedWriteConflictException",
  "RequestTimeout",
  "RequestTimeoutException",
]);

/** The verdict on an attempt that failed. */
interface Failure extends AwsFailureKind {
  readonly decision: Decision;
  /** Whether the request may have been executed. */
  readonly isDoubt: boolean;
}

/** Each request of a store may be sent again: all is that may fare better. */
function judge(error: unknown): Failure {
  const answer = error instanceof AnswerError ? error : undefined;
  const status = answer?.$metadata.httpStatusCode ?? 0;
  const isThrottled = status === 429 || (answer !== undefined && throttles.has(answer.name));
  const { transient, delivery, reason } = statusVerdict(status) ?? errorVerdict(error);
  const isRefused = isThrottled || (answer !== undefined && passingRefusals.has(answer.name));
  const isPassing = isRefused || transient;
  const kind = isThrottled ? "throttled" : "transient";
  return {
    decision: isPassing
      ? { action: "retry", kind, why: reason, free: isStale(error) }
      : { action: "stop", why: "permanent" },
    isThrottled,
    hintMs: answer?.hintMs,
    isDoubt: isPassing && !isRefused && delivery !== "never",
  };
}

/**
 * Whether the connection was closed while it lay idle, as far as can be seen: that says nothing of the service. After a freeze all connections are
 * closed at a time, and the quota would not do for their requests.
 */
function isStale(error: unknown): boolean {
  const { code, reusedSocket = false } = error as { readonly code?: unknown; readonly reusedSocket?: boolean };
  return reusedSocket && (code === "ECONNRESET" || code === "EPIPE");
}
