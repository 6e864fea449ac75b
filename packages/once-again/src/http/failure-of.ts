import type { HttpResponse } from "./response.ts";

/**
 * Says whether a response below 500 is a failure, where its status does not: in GraphQL, errors come with 200. A response of
 * 500 or above has failed, whatever it says, and one of 400 or above is refused at least.
 *
 * - `"failed"`: as a response of 500. In a transaction all that the handler wrote is rolled back, with the key, so a repeat
 *   runs afresh. In leased mode the outcome is unknown: see `onUnknown`.
 * - `"refused"`: as a response of 400. It is stored and replayed; in a transaction, what the handler wrote is rolled
 *   back first.
 * - `undefined`: what its status says.
 *
 * An error that it throws is a failure of the handler: `onError` gets it, and the caller gets 500.
 */
export type FailureOf = (answer: HttpResponse) => "refused" | "failed" | undefined;
