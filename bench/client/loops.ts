import asyncRetry from "async-retry";
import { ConstantBackoff, handleAll, retry as cockatielRetry } from "cockatiel";
import { Effect } from "effect";
import { backOff } from "exponential-backoff";
import CircuitBreaker from "opossum";
import pRetry from "p-retry";
import { StandardRetryStrategy } from "@smithy/util-retry";
import { retry } from "../../packages/once-again/src/index.ts";

/** The operation that is tried. */
export type Operation = () => Promise<number>;

/** One way to try an operation again, at once where an option allows it; each gives up after five attempts. */
export interface Loop {
  readonly name: string;
  /** Around an operation that succeeds, with the library's own defaults where it has them. */
  readonly run: (operation: Operation) => Promise<number>;
  /** Around one that fails three times first; missing where the library does not retry. */
  readonly retry?: (operation: Operation) => Promise<number>;
}

async function handLoop(operation: Operation): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

const atOnce = { backoff: () => 0 };
const cockatiel = cockatielRetry(handleAll, { maxAttempts: 4, backoff: new ConstantBackoff(0) });
const strategy = new StandardRetryStrategy(5);

/** Smithy has the decisions only: the loop around them is its caller's. Its waits are its own, so it has no `retry`. */
async function smithy(operation: Operation): Promise<number> {
  let token = await strategy.acquireInitialRetryToken("bench");
  for (;;) {
    try {
      const value = await operation();
      strategy.recordSuccess(token);
      return value;
    } catch (error) {
      token = await strategy.refreshRetryTokenForRetry(token, { errorType: "TRANSIENT", error: error as never });
    }
  }
}

const breaker = new CircuitBreaker((operation: Operation) => operation());

export const bareAwait = "bare await";

export const loops: readonly Loop[] = [
  { name: bareAwait, run: (operation) => operation() },
  { name: "loop by hand", run: handLoop, retry: handLoop },
  { name: "once-again", run: (operation) => retry(operation), retry: (operation) => retry(operation, atOnce) },
  {
    name: "p-retry",
    run: (operation) => pRetry(operation),
    retry: (operation) => pRetry(operation, { retries: 4, minTimeout: 0 }),
  },
  {
    name: "cockatiel",
    run: (operation) => cockatiel.execute(operation),
    retry: (operation) => cockatiel.execute(operation),
  },
  { name: "@smithy/util-retry", run: smithy },
  {
    name: "exponential-backoff",
    run: (operation) => backOff(operation),
    retry: (operation) => backOff(operation, { numOfAttempts: 5, startingDelay: 0 }),
  },
  {
    name: "async-retry",
    run: (operation) => asyncRetry(operation),
    retry: (operation) => asyncRetry(operation, { retries: 4, minTimeout: 0 }),
  },
  { name: "opossum", run: (operation) => breaker.fire(operation) },
  {
    name: "effect",
    run: (operation) => Effect.runPromise(Effect.promise(operation)),
    retry: (operation) => Effect.runPromise(Effect.retry(Effect.tryPromise(operation), { times: 4 })),
  },
];
