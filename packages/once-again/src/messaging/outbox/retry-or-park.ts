import { errorText } from "../../core/error-text.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { errorVerdict, unlistedVerdict } from "../../delivery/error-verdict.ts";
import type { ClaimedMessage } from "../../stores/outbox-store.ts";
import { failureDetails } from "./publish.ts";
import type { RelaySettings } from "./relay-options.ts";

/** The decision about a message that was not confirmed. */
export type FailureDecision =
  /**
   * Nothing is known of it: it goes back for a while, so that another is tried before it. `isAway`: the broker has
   * confirmed no other meanwhile, so it may be the broker that is away, and the relay pauses.
   */
  | { readonly action: "postpone"; readonly delayMs: number; readonly isAway: boolean }
  | { readonly action: "retry"; readonly refusal: string; readonly delayMs: number }
  | { readonly action: "park"; readonly refusal: string };

/** The facts about a message and its broker when the message was not confirmed. */
export interface FailureFacts {
  /** True if the broker has confirmed another message since this one was sent. */
  readonly hasConfirmedSince: boolean;
  /** How often this message alone got no confirmation before, while others did. */
  readonly silences: number;
}

export function decideFailure(
  { refusals }: Pick<ClaimedMessage, "refusals">,
  error: unknown,
  { hasConfirmedSince, silences }: FailureFacts,
  { backoff, random, refusalsMax }: Pick<RelaySettings, "backoff" | "random" | "refusalsMax">,
): FailureDecision {
  const { retryAfterMs, isFinal, isTemporary } = failureDetails(error);
  const delayAfter = (retry: number): number => Math.max(retryAfterMs, backoff({ retry, previousDelayMs: 0, random }));
  if (isUnavailable(error)) {
    // A broker that is away says nothing about the message. One that confirms others has a queue that is stuck: each silence
    // of it takes a place from the others, so they get rarer.
    const retry = hasConfirmedSince ? silences + 1 : 1;
    return { action: "postpone", delayMs: delayAfter(retry), isAway: !hasConfirmedSince };
  }
  const refusal = errorText(error);
  if (isFinal || (refusals + 1 >= refusalsMax && !isTemporary)) return { action: "park", refusal };
  return { action: "retry", refusal, delayMs: delayAfter(refusals + 1) };
}

/** Whether an error is about the way to the broker: what it says of the message holds for any. */
function isUnavailable(error: unknown): boolean {
  if (OnceAgainError.isInstance(error)) return error.code === "ONCE_BROKER_UNAVAILABLE";
  const verdict = errorVerdict(error);
  return verdict !== unlistedVerdict && verdict.transient && verdict.delivery !== "failed";
}
