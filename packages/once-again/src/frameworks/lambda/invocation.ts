import { hasMethod } from "../../core/duck-typing.ts";

/** The parts that we use of the context of an invocation. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** A function as Lambda calls it. */
export interface LambdaFunction<Event, Answer, Context extends LambdaContext = LambdaContext> {
  /** @param context missing where it is called by hand, as in a test: then its time has no bound. */
  (event: Event, context?: Context): Promise<Answer>;
  /** Takes no new events, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

/** How long an invocation may still take, milliseconds: Lambda ends its process then. `undefined`: it has no bound. */
export function timeLeftMs(context: LambdaContext | undefined): number | undefined {
  if (!hasMethod(context, "getRemainingTimeInMillis")) return undefined;
  const leftMs: unknown = context!.getRemainingTimeInMillis();
  return typeof leftMs === "number" && Number.isFinite(leftMs) ? Math.max(0, leftMs) : undefined;
}
