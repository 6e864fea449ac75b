import { OnceAgainError } from "../core/errors.ts";
import type { CheckedEngineOptions } from "./options.ts";

/** The time that one run of a handler has. */
export interface HandlerTimeout {
  /** Aborts with `ONCE_HANDLER_TIMEOUT` when the time is over, or with what `stop` is given. */
  readonly signal: AbortSignal;
  /** Waits for a promise no longer than until the time is over; then it rejects with the signal's reason. */
  within<Value>(awaited: Promise<Value>): Promise<Value>;
  /** The handler has ended: its time does not pass any more. With a reason, `signal` aborts with it. */
  stop(reason?: Error): void;
}

/** @param onOver is called when the time is over, before anybody else is told. */
export function startHandlerTimeout(
  { clocks, handlerMsMax }: Pick<CheckedEngineOptions, "clocks" | "handlerMsMax">,
  onOver: (error: OnceAgainError) => void = () => undefined,
): HandlerTimeout {
  const controller = new AbortController();
  let over: OnceAgainError | undefined;
  // Whoever waits hears of it; there may be nobody.
  const waiting: ((error: OnceAgainError) => void)[] = [];
  const cancel = clocks.handler.timer(handlerMsMax, () => {
    over = new OnceAgainError(
      "ONCE_HANDLER_TIMEOUT",
      `The handler did not end within ${handlerMsMax} ms. What it has done, or will do yet, is unknown.`,
    );
    onOver(over);
    controller.abort(over);
    for (const reject of waiting) reject(over);
  });
  return {
    signal: controller.signal,
    within: (awaited) =>
      new Promise((resolve, reject) => {
        awaited.then(resolve, reject);
        if (over === undefined) waiting.push(reject);
        else reject(over);
      }),
    stop(reason) {
      cancel();
      if (reason !== undefined) controller.abort(reason);
    },
  };
}

/** The time of a handler that is none of ours. */
export const noHandlerTimeout: HandlerTimeout = {
  signal: new AbortController().signal,
  within: (awaited) => awaited,
  stop: () => undefined,
};
