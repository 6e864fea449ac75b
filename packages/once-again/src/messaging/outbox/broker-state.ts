import { notify } from "../../core/listener.ts";
import { failureDetails } from "./publish.ts";
import type { RelaySettings } from "./relay-options.ts";

/** The state of a broker, as a relay knows it. */
export interface BrokerState {
  /** How many messages it has confirmed. */
  readonly confirmations: number;
  /** How long nothing is handed to it any more, milliseconds; 0 when it can be tried. */
  pauseLeftMs(): number;
  /** True while it has confirmed nothing since it could not be reached: then a few messages are enough to find out. */
  isInDoubt(): boolean;
  /** True when a message may be handed to it now: none in a pause, and `probesMax` at a time while it is in doubt. */
  begin(): boolean;
  end(): void;
  confirmed(): void;
  unavailable(error: unknown): void;
}

/**
 * How many messages a relay tries at a time while its broker is in doubt. One would be enough for a broker that is away. But one
 * queue or place of many may be silent, and then others have to be tried beside it.
 */
export const probesMax = 8;

export function brokerState({
  clock,
  onEvent,
  pauseBackoff,
  random,
}: Pick<RelaySettings, "clock" | "onEvent" | "pauseBackoff" | "random">): BrokerState {
  let [running, confirmations, pauses, previousDelayMs, pauseEndsAt] = [0, 0, 0, 0, -Infinity];
  const pauseLeftMs = (): number => Math.max(0, pauseEndsAt - clock.monotonic());
  return {
    get confirmations() {
      return confirmations;
    },
    pauseLeftMs,
    isInDoubt: () => pauses > 0,
    begin() {
      if (pauseLeftMs() > 0 || (pauses > 0 && running >= probesMax)) return false;
      running += 1;
      return true;
    },
    end() {
      running -= 1;
    },
    confirmed() {
      confirmations += 1;
      [pauses, previousDelayMs] = [0, 0];
    },
    unavailable(error) {
      // Others that were under way fail for the same reason.
      if (pauseLeftMs() > 0) return;
      pauses += 1;
      previousDelayMs = pauseBackoff({ retry: pauses, previousDelayMs, random });
      const pauseMs = Math.max(previousDelayMs, failureDetails(error).retryAfterMs);
      pauseEndsAt = clock.monotonic() + pauseMs;
      notify(onEvent, { type: "broker-unavailable", error, pauseMs });
    },
  };
}
