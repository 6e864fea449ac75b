import type { CallerName } from "../caller-name.ts";
import type { ChargeView, LivePhase, ProcessView, Speed } from "../live/live-protocol.ts";
import type { Button, Loss, PayEvent } from "./pay-events.ts";

/** The messages of the live story to its watchers. It imports nothing of Node, since the console's page reads it too. */

/** The settings of a run, which do not change while it runs. */
export interface CheckoutSettings {
  readonly lost: Loss;
  readonly speed: Speed;
}

/** One side, as it is now. */
export interface CheckoutSideView {
  /** The oldest first. */
  readonly events: readonly PayEvent[];
  readonly button: Button;
  /** The rows of the ledger, the oldest first. */
  readonly ledger: readonly ChargeView[];
  /** Absent before a run, and after it. */
  readonly browser?: ProcessView;
}

/** Everything there is to see. */
export interface CheckoutState {
  readonly phase: LivePhase;
  /** Why it failed. */
  readonly problem?: string;
  readonly settings: CheckoutSettings;
  /** Runs so far, this one included. */
  readonly run: number;
  readonly sides: Readonly<Record<CallerName, CheckoutSideView>>;
}
