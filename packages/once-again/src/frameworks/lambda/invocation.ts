import { hasMethod } from "../../core/duck-typing.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError } from "../../core/options.ts";
import { type LambdaContext, remainingMs } from "../../engine/time-left.ts";

export type { LambdaContext } from "../../engine/time-left.ts";

/** A function as Lambda calls it. An error of ours that it throws has its code as `name`, which Lambda reports as `errorType`. */
export interface LambdaFunction<Event, Answer, Context = LambdaContext> {
  /** @param context missing where it is called by hand, as in a test: then its time has no bound. */
  (event: Event, context?: Context): Promise<Answer>;
  /** Takes no new events, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

/**
 * Makes a function of Lambda. It refuses an invocation of a durable function: a replay of one would be taken for a duplicate.
 *
 * @param of what ends with the function.
 */
export function lambdaFunction<Event, Answer, Context extends LambdaContext>(
  run: (event: Event, context?: Context) => Promise<Answer>,
  of: { close(): Promise<void> },
): LambdaFunction<Event, Answer, Context> {
  const ofInvocation = async (event: Event, context?: Context): Promise<Answer> => {
    refuseDurable(event, context);
    return run(event, context);
  };
  return Object.assign(withErrorTypes(ofInvocation), { close: () => of.close() });
}

/** Names errors of ours by their codes: Step Functions retry and catch by the type that Lambda reports, and an alarm counts by it. */
export function withErrorTypes<Args extends readonly unknown[], Answer>(
  run: (...args: Args) => Promise<Answer>,
): (...args: Args) => Promise<Answer> {
  return async (...args) => {
    try {
      return await run(...args);
    } catch (error) {
      if (OnceAgainError.isInstance(error)) error.name = error.code;
      throw error;
    }
  };
}

/** The ARN of the durable execution that a context is of; `undefined`: it is of none. */
export function executionArnOf(context: unknown): string | undefined {
  const { executionContext } = (context ?? {}) as { readonly executionContext?: { durableExecutionArn?: unknown } };
  const arn = executionContext?.durableExecutionArn;
  return typeof arn === "string" && arn !== "" ? arn : undefined;
}

function refuseDurable(event: unknown, context: unknown): void {
  const { DurableExecutionArn, CheckpointToken } = (event ?? {}) as Readonly<Record<string, unknown>>;
  const isAround = typeof DurableExecutionArn === "string" && typeof CheckpointToken === "string";
  if (!isAround && executionArnOf(context) === undefined) return;
  const expected = "that of a function that is not durable; of a durable one take withDurableExecution(onceDurable(…))";
  throw invalidOptionError("context", expected, "that of a durable execution");
}

/**
 * How long an invocation may still take, milliseconds: Lambda ends its process then. `undefined`: it has no bound. The engine
 * bounds handler and lease by it (`optionsWithin`, engine/time-left.ts).
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the stream of a streaming function, which has its context behind it.
 */
export function timeLeftMs(context: LambdaContext | undefined): number | undefined {
  if (hasMethod(context, "write")) {
    const expected = "that of an invocation: a response is stored before it is sent, so take streamifyResponse(…) away";
    throw invalidOptionError("context", expected, "a response stream");
  }
  return remainingMs(context);
}
