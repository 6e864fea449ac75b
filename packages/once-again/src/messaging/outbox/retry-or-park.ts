import { textWithCauses } from "../../core/error-text.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { errorVerdict, unlistedVerdict } from "../../delivery/error-verdict.ts";
import type { ClaimedMessage } from "../../stores/outbox-store.ts";
import { failureDetails } from "./publish.ts";
import type { RelaySettings } from "./relay-options.ts";

/** The decision about a message that was not confirmed. */
export type FailureDecision =
  /** Nothing is known of it, and its place pauses: it waits for its place. `refusal`: why. */
  | { readonly action: "wait"; readonly refusal: string }
  | { readonly action: "retry"; readonly refusal: string; readonly delayMs: number }
  | { readonly action: "park"; readonly refusal: string };

/** @param hasConfirmedSince whether its place has confirmed another message since this one was sent. */
export function decideFailure(
  { refusals }: Pick<ClaimedMessage, "refusals">,
  error: unknown,
  hasConfirmedSince: boolean,
  { backoff, random, refusalsMax }: Pick<RelaySettings, "backoff" | "random" | "refusalsMax">,
): FailureDecision {
  const isAway = isUnavailable(error);
  const refusal = textWithCauses(error);
  if (isAway && !hasConfirmedSince) return { action: "wait", refusal };
  const { retryAfterMs, isFinal, isTemporary } = failureDetails(error);
  // A place that confirms others is there, so this message alone waits, ever longer: but it was not refused, and is not parked.
  const maySucceed = isAway || isTemporary;
  if (isFinal || (refusals + 1 >= refusalsMax && !maySucceed)) return { action: "park", refusal };
  const delayMs = Math.max(retryAfterMs, backoff({ retry: refusals + 1, previousDelayMs: 0, random }));
  return { action: "retry", refusal, delayMs };
}

/** Whether an error is about the way to the place: what it says of the message holds for any that goes there. */
function isUnavailable(error: unknown): boolean {
  if (OnceAgainError.isInstance(error)) return error.code === "ONCE_BROKER_UNAVAILABLE";
  const verdict = errorVerdict(error);
  return verdict !== unlistedVerdict && verdict.transient && verdict.delivery !== "failed";
}
