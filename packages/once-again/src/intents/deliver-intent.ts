import { DeadlineTimer } from "../core/deadline-timer.ts";
import { Lease } from "../core/lease.ts";
import { checkNumber } from "../core/options.ts";
import { isSeedKey } from "../key/seed-key.ts";
import { uniform } from "../core/random.ts";
import type { ClaimedIntent, IntentOutcome } from "../stores/intent-store.ts";
import type { IntentNews } from "./intent-event.ts";
import type { IntentsSettings } from "./intents-options.ts";
import { sendIntent } from "./send-intent.ts";
import { decideAfterSending, isReplayed, overdueOutcome, type SentIntent } from "./retry-or-end.ts";
import type { Grant } from "./sending-loop.ts";
import type { StoreCalls } from "./retry-store-calls.ts";

/** The dependencies of a delivery. */
export interface DeliveryParts {
  readonly settings: IntentsSettings;
  readonly calls: StoreCalls;
  /** Aborts when we are closed. */
  readonly stop: AbortSignal;
  readonly emit: (intent: ClaimedIntent, news: IntentNews) => void;
}

/**
 * Sends an intent that was claimed, and stores what came of it.
 *
 * @throws what `resumeBackoff` throws; OnceAgainError `ONCE_OPTION_INVALID` when it answers with no delay.
 */
export async function deliverIntent(intent: ClaimedIntent, grant: Grant, parts: DeliveryParts): Promise<void> {
  const { settings, calls, stop } = parts;
  const { clock, store, retentionMs } = settings;
  const owned = { id: intent.id, owner: grant.owner };
  const emit = (news: IntentNews): void => parts.emit(intent, news);

  const end = async (outcome: IntentOutcome): Promise<void> => {
    if (await calls.insist(() => store.end({ ...owned, outcome, retentionMs }))) emit({ type: "ended", outcome });
    else emit({ type: "lease-lost" });
  };
  const postpone = async (delayMs: number, inDoubt: boolean): Promise<void> => {
    const postponed = await calls.insist(() => store.postpone({ ...owned, delayMs, inDoubt }));
    emit(postponed ? { type: "postponed", delayMs, inDoubt } : { type: "lease-lost" });
  };

  const { leaseMs } = settings;
  // The lease may be over before its grant arrives: then another may be sending it.
  if (!grant.hasPlace || clock.monotonic() - grant.sentAt >= leaseMs) return postpone(0, intent.inDoubt);
  if (intent.msLeft < 1) return end(overdueOutcome(intent.inDoubt));
  emit({ type: "sending", claim: intent.claims, inDoubt: intent.inDoubt });
  const abort = new AbortController();
  const lease = new Lease(new DeadlineTimer(clock), leaseMs, grant.sentAt, {
    renewLease: () => calls.ask(() => store.renew({ ...owned, leaseMs })),
    leaseLost: (error) => abort.abort(error),
  });
  const send = (): Promise<SentIntent> =>
    sendIntent(intent, {
      settings,
      signal: AbortSignal.any([stop, abort.signal]),
      // A process that stood still has its timers all at once, and the next attempt may be due before the end of its lease is.
      beforeAttempt: () => lease.check(),
      onEvent: (event) => emit({ type: "fetch", event }),
    });
  const isSeeded = isSeedKey(intent.key);
  let sending = await send();
  // The refusal may come from in front of the key check, and an earlier life may have used the key: ask for the stored response.
  if (isSeeded && isRefusedWithoutReplay(sending, clock.now())) sending = await send();
  lease.stop();
  if ("error" in sending) {
    if (abort.signal.aborted) return emit({ type: "lease-lost" });
    // Given back at once, so that others need not wait for the end of our lease.
    if (stop.aborted) return postpone(0, sending.inDoubt);
  }
  const decision = decideAfterSending(sending, { ...sending, isSeeded }, clock.now());
  if (decision.action === "end") return end(decision.outcome);
  // No longer than it had when it was claimed. The store cuts it off at its end, by the store's clock: by ours it might
  // come due just before, and be sent once more.
  return postpone(Math.min(chooseResendDelay(intent, decision.delayMsMin, settings), intent.msLeft), sending.inDoubt);
}

function isRefusedWithoutReplay(sending: SentIntent, nowMs: number): boolean {
  if ("error" in sending || sending.inDoubt || isReplayed(sending.answer)) return false;
  const decision = decideAfterSending(sending, sending, nowMs);
  return decision.action === "end" && decision.outcome.state === "failed";
}

/** The server's wait with a random part added, or the backoff's delay. Whole milliseconds, as stores count. */
function chooseResendDelay(
  intent: ClaimedIntent,
  delayMsMin: number,
  { resumeBackoff, random }: IntentsSettings,
): number {
  const delay = resumeBackoff({ retry: intent.claims, previousDelayMs: intent.postponedMs, random });
  const backoffMs = checkNumber("resumeBackoff's delay", delay, { min: 0, max: Number.MAX_SAFE_INTEGER });
  return Math.ceil(delayMsMin === 0 ? backoffMs : delayMsMin + uniform(random, 0, backoffMs));
}
