import type { HttpResponse } from "./response.ts";

/**
 * Says of an answer below 500 whether it tells of a failure, where its status does not: in GraphQL, errors are answered
 * with 200. An answer of 500 or above has failed, whatever it says, and one of 400 or above is refused at least.
 *
 * - `"failed"`: as an answer of 500. In a transaction all that the handler wrote is rolled back, with the key, so a repeat
 *   runs afresh. In leased mode the outcome is unknown: see `onUnknown`.
 * - `"refused"`: as an answer of 400. The answer is kept and replayed; in a transaction, what the handler wrote is rolled
 *   back first.
 * - `undefined`: what its status says.
 *
 * What it throws is a failure of the handler: `onError` is told, the caller is answered 500.
 */
export type FailureOf = (answer: HttpResponse) => "refused" | "failed" | undefined;
