/**
 * The retry strategy of AWS SDK clients, by the same rules.
 *
 * @module
 */
import "../core/check-platform.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { hasMethod } from "../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkChoice, invalidOptionError } from "../core/options.ts";
import type { Random } from "../core/random.ts";
import { errorVerdict, statusVerdict } from "../delivery/index.ts";
import { awsBackoff, awsNumbers } from "../retry/aws-rules.ts";
import type { Backoff } from "../retry/backoff.ts";
import { awsBudget, successBudget } from "../retry/budgets/index.ts";
import type { Decision } from "../retry/decision.ts";
import { planRetry, type Progress } from "../retry/plan-retry.ts";
import type { FailureKind, RetryBudget } from "../retry/budgets/budget.ts";
import { recordSuccess } from "../retry/retry-call.ts";
import { type RetryOptions, retryPolicy } from "../retry/retry-options.ts";

/** How the calls of one AWS client are tried again. Options that `retry` has too mean the same there. */
interface AwsRetryOptions extends Pick<
  RetryOptions<never>,
  "attemptsMax" | "backoff" | "timeoutMs" | "clock" | "random"
> {
  /**
   * Whether every command of this client means the same twice as once: reads, writes that overwrite, and commands with a
   * client token or a deduplication id. Default `false`: a command with an unknown outcome is not sent again.
   */
  readonly repeatable?: boolean | undefined;
  /**
   * Which numbers hold where no other option says one: those of this library (`"once-again"`, default), or those of the standard
   * mode of the AWS SDKs since November 2026, `"aws"`: 3 attempts, waits of up to 50 ms, 100 ms and so on up to 20 s, from
   * 1 s on where a call was throttled, and the quota of `awsBudget()`. A service's `Retry-After` adds 5 s to a wait at most.
   * `"aws-dynamodb"` has the numbers of clients of DynamoDB: 4 attempts, and 25 ms. Which commands are sent again is the same.
   */
  readonly numbers?: "once-again" | "aws" | "aws-dynamodb" | undefined;
  /** Pays for retries; default a `successBudget` of this strategy, `"off"` makes them free. */
  readonly budget?: RetryBudget | "off" | undefined;
}

/** A failure as the SDK describes it: `RetryErrorInfo` of `@smithy/types` fits. */
interface AwsFailure {
  readonly error?: unknown;
  readonly errorType: "TRANSIENT" | "THROTTLING" | "SERVER_ERROR" | "CLIENT_ERROR";
  readonly retryAfterHint?: Date;
}

/** One call on its way: a `RetryToken` of `@smithy/types`. */
interface AwsRetryToken {
  /** Retries made. */
  getRetryCount(): number;
  /** How long the SDK waits before the next attempt, milliseconds. */
  getRetryDelay(): number;
}

/** A `RetryStrategyV2` of `@smithy/types`: the option `retryStrategy` of every client of the AWS SDK, version 3. */
export interface AwsRetryStrategy {
  acquireInitialRetryToken(scope: string): Promise<AwsRetryToken>;
  refreshRetryTokenForRetry(token: AwsRetryToken, failure: AwsFailure): Promise<AwsRetryToken>;
  recordSuccess(token: AwsRetryToken): void;
}

const names: OptionNames<AwsRetryOptions> = {
  attemptsMax: true,
  backoff: true,
  timeoutMs: true,
  clock: true,
  random: true,
  repeatable: "boolean",
  numbers: true,
  budget: true,
};

/** How far a call has come. */
interface Call {
  readonly retries: number;
  readonly startedAt: number;
  readonly delayMs: number;
  readonly backoffMs: number;
  readonly lastRetryKind: FailureKind | undefined;
  /** Whether it asks for messages, as `ReceiveMessage` does: without a wait its caller would ask at once again. */
  readonly isLongPoll: boolean;
}

/**
 * The retries of this library for a client of the AWS SDK, version 3, in place of the SDK's: backoff with jitter, a
 * budget, a deadline, and the rule that a command is sent again only where that is safe. The SDK's own strategies send
 * again whatever met a lost connection or a 500, and so publish a message twice.
 *
 * Sent again is what was throttled and what never left this machine; with `repeatable: true` also what ended in a 5xx or a
 * lost connection. A call that is not sent again rejects with the SDK's own error. `timeoutMs` begins no wait that would
 * not end before it; to cut an attempt is for the client's `requestHandler`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 * @example
 * ```ts
 * const queue = new SQSClient({ retryStrategy: awsRetryStrategy() });
 * const table = new DynamoDBClient({ retryStrategy: awsRetryStrategy({ repeatable: true }) });
 * ```
 */
export function awsRetryStrategy(options: AwsRetryOptions = {}): AwsRetryStrategy {
  checkNames("awsRetryStrategy", options, names);
  const { repeatable = false, numbers = "once-again", budget: given, ...retryOptions } = options;
  checkChoice("numbers", numbers, ["once-again", "aws", "aws-dynamodb"]);
  const aws = numbers === "once-again" ? undefined : awsNumbers[numbers];
  const backoffAfter = aws !== undefined && options.backoff === undefined ? awsBackoff(aws.baseMs) : undefined;
  const ownBudget = aws === undefined ? successBudget : awsBudget;
  const budget = given === "off" ? undefined : (given ?? ownBudget());
  if (budget !== undefined && !hasMethod(budget, "tryTake")) {
    throw invalidOptionError("budget", 'a retry budget, or "off"', budget);
  }
  const attemptsMax = options.attemptsMax ?? aws?.attemptsMax;
  const policy = { ...retryPolicy<never>({ ...retryOptions, attemptsMax }), budget };
  const { clock } = policy;
  const calls = new WeakMap<AwsRetryToken, Call>();
  const tokenOf = (call: Call): AwsRetryToken => {
    const token = { getRetryCount: () => call.retries, getRetryDelay: () => call.delayMs };
    calls.set(token, call);
    return token;
  };
  const beginCall = (scope: unknown): Call => {
    budget?.onRequest?.();
    const isLongPoll = typeof scope === "string" && scope.includes(":longpoll");
    return { retries: 0, startedAt: clock.monotonic(), delayMs: 0, backoffMs: 0, lastRetryKind: undefined, isLongPoll };
  };
  return {
    async acquireInitialRetryToken(scope) {
      return tokenOf(beginCall(scope));
    },
    async refreshRetryTokenForRetry(token, failure) {
      const call = calls.get(token) ?? beginCall("");
      const progress = {
        attempts: call.retries + 1,
        elapsedMs: clock.monotonic() - call.startedAt,
        previousDelayMs: call.backoffMs,
      };
      const hintMs = failure.retryAfterHint && failure.retryAfterHint.getTime() - clock.now();
      const decision = decisionOn(failure, repeatable, hintMs);
      const backoff = backoffAfter?.({ isThrottled: failure.errorType === "THROTTLING", hintMs });
      const plan =
        backoff === undefined
          ? planRetry(policy, decision, progress)
          : planRetry({ ...policy, backoff }, withoutHint(decision), progress);
      const isOutOfQuota = plan.action === "limit" && plan.why === "budget";
      if (isOutOfQuota && call.isLongPoll && backoff !== undefined)
        await pause(clock, backoff, progress, policy.random);
      // The SDK throws the error that it has.
      if (plan.action !== "wait") throw failure.error ?? new Error(`No retry: ${plan.why}.`);
      const { delayMs, backoffMs, kind = call.lastRetryKind } = plan;
      return tokenOf({ ...call, retries: call.retries + 1, delayMs, backoffMs, lastRetryKind: kind });
    },
    recordSuccess(token) {
      if (budget !== undefined) recordSuccess(budget, calls.get(token)?.lastRetryKind);
    },
  };
}

/** The hint of the service is a part of AWS' own wait. */
const withoutHint = (decision: Decision): Decision =>
  decision.action === "retry" ? { ...decision, delayMsMin: undefined } : decision;

function pause(clock: Clock, backoff: Backoff, { attempts, previousDelayMs }: Progress, random: Random): Promise<void> {
  return sleep(clock, backoff({ retry: attempts, previousDelayMs, random }));
}

/** The decision on a failed attempt. */
function decisionOn({ error, errorType }: AwsFailure, repeatable: boolean, hintMs: number | undefined): Decision {
  const delayMsMin = hintMs === undefined ? undefined : Math.max(0, hintMs);
  if (errorType === "THROTTLING") return { action: "retry", delayMsMin, kind: "throttled", why: "throttled" };
  const status = statusOf(error);
  if (status !== undefined && errorType === "CLIENT_ERROR") return { action: "stop", why: "permanent" };
  const verdict = status === undefined ? errorVerdict(error) : statusVerdict(status);
  if (errorType !== "TRANSIENT" && verdict?.transient !== true) return { action: "stop", why: "permanent" };
  // The 4xx that the SDK retries were refused: a signature made with a wrong clock, a body that did not arrive whole.
  const isRefused = status !== undefined && status >= 400 && status < 500 && status !== 408;
  if (!isRefused && verdict?.delivery !== "never" && !repeatable) return { action: "stop", why: "unsafe" };
  return { action: "retry", delayMsMin, why: verdict?.reason };
}

/** The status that a service answered with, as the SDK puts it into its errors. */
function statusOf(error: unknown): number | undefined {
  const { $metadata } = (error ?? {}) as { $metadata?: { httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}
