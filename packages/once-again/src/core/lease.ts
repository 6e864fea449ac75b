import type { Clock } from "./clock.ts";
import { OnceAgainError } from "./errors.ts";

/** Our hold on one key while its work runs. */
export interface Lease {
  /** Aborts when the key is, or may be, no longer ours. */
  readonly signal: AbortSignal;
  /** Ends the renewals; with a reason, `signal` aborts with it. */
  stop(reason?: Error): void;
}

/**
 * Keeps a lease alive while the work runs: asks for it again after each third of it.
 *
 * It ends by our own monotonic clock, counted from before the claim was sent. So we do not believe in a lease that the
 * store has given to another, also when no renewal is answered or the event loop stood still.
 *
 * @param options.heldSince when the claim was sent, on the monotonic clock.
 * @param options.renew asks the store; `false` means that the key is another's. A rejection is tried again.
 * @param options.onLost is called once, when the lease is lost.
 */
export function keepLease(options: {
  clock: Clock;
  leaseMs: number;
  heldSince: number;
  renew: () => Promise<boolean>;
  onLost: () => void;
}): Lease {
  const { clock, leaseMs } = options;
  const controller = new AbortController();
  let state: "held" | "lost" | "stopped" = "held";
  let cancelRenewal: () => void;
  // Set at the first renewal: most work ends before it.
  let cancelEnd = (): void => undefined;

  const end = (next: "lost" | "stopped"): void => {
    if (state !== "held") return;
    state = next;
    cancelRenewal();
    cancelEnd();
  };
  const lose = (): void => {
    end("lost");
    options.onLost();
    controller.abort(new OnceAgainError("ONCE_LEASE_LOST", "This worker lost its key: stop, another may be at it."));
  };
  const endAt = (time: number): void => {
    cancelEnd();
    cancelEnd = clock.timer(Math.max(0, time - clock.monotonic()), lose);
  };
  const renewLater = (): (() => void) => clock.timer(leaseMs / 3, () => void renew());
  const renew = async (): Promise<void> => {
    const sentAt = clock.monotonic();
    const answer = await options.renew().catch(() => "no answer" as const);
    if (state !== "held") return;
    if (answer === false) return lose();
    if (answer === true) endAt(sentAt + leaseMs);
    cancelRenewal = renewLater();
  };

  cancelRenewal = clock.timer(Math.max(0, options.heldSince + leaseMs / 3 - clock.monotonic()), () => {
    endAt(options.heldSince + leaseMs);
    void renew();
  });
  return {
    signal: controller.signal,
    stop(reason) {
      end("stopped");
      if (reason !== undefined) controller.abort(reason);
    },
  };
}
