import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { putLast } from "../core/put-last.ts";
import { errorVerdict } from "../delivery/index.ts";
import type { ClaimAnswer, ReleaseRequest } from "../stores/store.ts";
import type { BackgroundCalls } from "./background-calls.ts";

/** How long after a claim was given up the store must have denied it, milliseconds, to be believed. */
const lateClaimMsMax = 60_000;

/** Of so many running operations it is remembered that their claim was sent twice. */
const sentTwiceMax = 1000;

/** The calls by which one claim was sent. */
type SentClaims = readonly Promise<ClaimAnswer>[];

/** Takes claims back, behind the caller's back: a call that was given up, or has failed, may be executed later. */
export interface ClaimWithdrawals {
  /**
   * Takes back a claim for which no work will run, until the store has taken away what it may have granted, or has denied it
   * in a way that can be believed.
   *
   * @param sent default what is remembered of it.
   */
  withdraw(owned: ReleaseRequest, sent?: SentClaims): void;
  /** A claim was answered after an earlier call of it had failed. Unless work runs now, it is taken back. */
  answeredAgain(owned: ReleaseRequest, sent: SentClaims, answer: ClaimAnswer): void;
  /** The owner releases its key: the call that had failed would take it once more. */
  released(owned: ReleaseRequest): void;
  /** The owner has ended its operation in another way: its record denies a call that comes later. */
  ended(owned: ReleaseRequest): void;
}

export function claimWithdrawals({
  clock,
  background,
  release,
}: {
  clock: Clock;
  background: BackgroundCalls;
  release: (owned: ReleaseRequest) => Promise<boolean>;
}): ClaimWithdrawals {
  /** By their owners. An owner that never ends is forgotten at last, and its record denies what comes later. */
  const sentTwice = new Map<string, SentClaims>();

  const withdraw: ClaimWithdrawals["withdraw"] = (owned, sent = sentTwice.get(owned.owner) ?? []) => {
    sentTwice.delete(owned.owner);
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
        const isReleased = await release(owned);
        if (before === "answered" || (isReleased && sent.length === 1)) return true;
        // Neither what it released nor that it found nothing says what becomes of a call that is on its way.
        return before === "failed" && (isClosing || clock.monotonic() >= deniedFrom);
      },
    });
  };
  return {
    withdraw,
    answeredAgain(owned, sent, { kind }) {
      if (kind === "acquired") putLast(sentTwice, owned.owner, sent, sentTwiceMax);
      else withdraw(owned, sent);
    },
    released(owned) {
      if (sentTwice.has(owned.owner)) withdraw(owned);
    },
    ended: ({ owner }) => void sentTwice.delete(owner),
  };
}

/** The state of the calls of one claim, when it is asked for. */
function fateOf(sent: SentClaims): () => "pending" | "failed" | "answered" | "never sent" {
  let [pending, failed, answered] = [sent.length, 0, 0];
  for (const one of sent) {
    one.then(
      () => {
        pending -= 1;
        answered += 1;
      },
      (error: unknown) => {
        pending -= 1;
        if (!wasNeverSent(error)) failed += 1;
      },
    );
  }
  return () => {
    if (pending > 0) return "pending";
    if (failed > 0) return "failed";
    return sent.length > 0 && answered === 0 ? "never sent" : "answered";
  };
}

/** Whether a failed call proves that it never reached the store. */
function wasNeverSent(error: unknown): boolean {
  // A store's own error says that it did not answer, and not that it was never asked.
  if (OnceAgainError.isInstance(error)) return error.code === "ONCE_OPTION_INVALID";
  return errorVerdict(error).delivery === "never";
}
