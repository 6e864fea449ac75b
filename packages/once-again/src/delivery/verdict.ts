/**
 * The evidence that a failure gives about the request:
 *
 * - `never`: it never reached the server, or the server vouches that it did nothing with it.
 * - `failed`: it reached the server, and the server answered with a failure.
 * - `unknown`: it may have been executed; the response was lost.
 */
export type Delivery = "never" | "failed" | "unknown";

/** The evidence that a failure gives, and whether another attempt may fare better. */
export interface Verdict {
  readonly delivery: Delivery;
  /** `false`: the same request will fail in the same way, however often it is sent. */
  readonly transient: boolean;
  /** A retry inside has given up already: trying again at once multiplies its attempts. Missing otherwise. */
  readonly gaveUp?: true;
  /** A few words for people and logs: which rule spoke. */
  readonly reason: string;
}

/** A verdict without its reason. */
export type Evidence = Omit<Verdict, "reason">;

export const neverTransient: Evidence = { delivery: "never", transient: true };
export const neverPermanent: Evidence = { delivery: "never", transient: false };
export const failedTransient: Evidence = { delivery: "failed", transient: true };
export const failedPermanent: Evidence = { delivery: "failed", transient: false };
export const unknownTransient: Evidence = { delivery: "unknown", transient: true };
export const unknownPermanent: Evidence = { delivery: "unknown", transient: false };
