import type { Verdict } from "../delivery/index.ts";
import type { RetryEvent } from "../retry/index.ts";

/** What happens in a call of a retrying fetch: the events of `retry`, with what they are about. */
export type FetchEvent = RetryEvent & FetchFacts;

/** Which call an event is about. No query, no headers, no bodies: those hold secrets. */
export interface FetchFacts {
  /** The same object in all the events of one call, and in those of no other. */
  readonly call: object;
  readonly method: string;
  /** Origin and path. */
  readonly url: string;
  /** The idempotency key, the same for all the events of one call; `undefined` when the call has none. */
  readonly key: string | undefined;
  /** The status of the latest attempt that has ended; `undefined` when it had no answer, or none has ended yet. */
  readonly status: number | undefined;
  /** What the latest failed attempt proved; `undefined` when none has failed yet. */
  readonly verdict: Verdict | undefined;
}
