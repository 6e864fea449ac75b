import { hasMethod } from "../../core/duck-typing.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError } from "../../core/options.ts";

/** The parts that we use of the context of an invocation. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** A function as Lambda calls it. An error of ours that it throws has its code as `name`, which Lambda reports as `errorType`. */
export interface LambdaFunction<Event, Answer, Context extends LambdaContext = LambdaContext> {
  /** @param context missing where it is called by hand, as in a test: then its time has no bound. */
  (event: Event, context?: Context): Promise<Answer>;
  /** Takes no new events, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

/**
 * Makes a function of Lambda. Step Functions retry and catch by the type that Lambda reports of an error, and an alarm counts by it.
 *
 * @param of what ends with the function.
 */
export function lambdaFunction<Event, Answer, Context extends LambdaContext>(
  run: (event: Event, context?: Context) => Promise<Answer>,
  of: { close(): Promise<void> },
): LambdaFunction<Event, Answer, Context> {
  const named = async (event: Event, context?: Context): Promise<Answer> => {
    try {
      return await run(event, context);
    } catch (error) {
      if (OnceAgainError.isInstance(error)) error.name = error.code;
      throw error;
    }
  };
  return Object.assign(named, { close: () => of.close() });
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
  if (!hasMethod(context, "getRemainingTimeInMillis")) return undefined;
  const leftMs: unknown = context!.getRemainingTimeInMillis();
  return typeof leftMs === "number" && Number.isFinite(leftMs) ? Math.max(0, leftMs) : undefined;
}
