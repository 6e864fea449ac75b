import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { errorVerdict } from "../delivery/index.ts";
import type { ClaimAnswer, ReleaseRequest } from "../stores/store.ts";
import type { BackgroundCalls } from "./background-calls.ts";

/** How long after a claim was given up the store must have denied it, milliseconds, to be believed. */
const lateClaimMsMax = 60_000;

/**
 * @returns a function that takes a claim back for which no work will run, given the calls by which it was sent, behind the
 *   caller's back: until the store has taken it away, or has denied it in a way that can be believed.
 */
export function claimWithdrawal({
  clock,
  background,
  release,
}: {
  clock: Clock;
  background: BackgroundCalls;
  release: (owned: ReleaseRequest) => Promise<boolean>;
}) {
  return (owned: ReleaseRequest, sent: readonly Promise<ClaimAnswer>[]): void => {
    const fate = fateOf(sent);
    const deniedFrom = clock.monotonic() + lateClaimMsMax;
    background.add({
      bytes: 0,
      pauseMsMax: 30_000,
      ask: async (isClosing) => {
        // After this, a call that has settled is known to have settled.
        await Promise.resolve();
        const before = fate();
        if (before === "never sent") return true;
        // A release that finds nothing proves nothing as long as the claim may be on its way.
        if (await release(owned)) return true;
        return before === "answered" || (before === "failed" && (isClosing || clock.monotonic() >= deniedFrom));
      },
    });
  };
}

/** The state of the calls of one claim, when it is asked for. */
function fateOf(sent: readonly Promise<ClaimAnswer>[]): () => "pending" | "failed" | "answered" | "never sent" {
  let [pending, failed, sentMaybe] = [sent.length, 0, sent.length];
  for (const one of sent) {
    one.then(
      () => (pending -= 1),
      (error: unknown) => {
        pending -= 1;
        failed += 1;
        if (wasNeverSent(error)) sentMaybe -= 1;
      },
    );
  }
  return () => {
    if (pending > 0) return "pending";
    if (sent.length > 0 && sentMaybe === 0) return "never sent";
    return failed > 0 ? "failed" : "answered";
  };
}

/** Whether a failed call proves that it never reached the store. */
function wasNeverSent(error: unknown): boolean {
  // A store's own error says that it did not answer, and not that it was never asked.
  if (OnceAgainError.isInstance(error)) return error.code === "ONCE_OPTION_INVALID";
  return errorVerdict(error).delivery === "never";
}
