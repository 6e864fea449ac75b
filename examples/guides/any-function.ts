import { exponentialBackoff, successBudget } from "once-again";
import { circuitBreaker, compose, concurrencyLimit, retrying, run } from "once-again/layers";

// Made once, and shared by all the calls to the same place.
const calm = compose(
  retrying({ attemptsMax: 4, backoff: exponentialBackoff({ baseMs: 50 }), budget: successBudget() }),
  circuitBreaker(),
  concurrencyLimit({ runningMax: 5 }),
);

/** Stands for a query, a message to a broker, a call of a library. */
async function readStock(item: string, attempt: number): Promise<number> {
  if (attempt < 3) throw new Error("connection lost");
  return item.length;
}

console.log("in stock:", await run(calm(({ number }) => readStock("coffee", number))));
