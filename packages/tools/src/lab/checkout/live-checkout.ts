import { checkChoice } from "once-again/internal";
import type { CallerName } from "../caller-name.ts";
import { type LiveGate, liveGate } from "../live/live-gate.ts";
import { legMs, type Speed } from "../live/live-protocol.ts";
import { LiveStage } from "../live/live-stage.ts";
import type { Order } from "../orders.ts";
import { checkoutBook, type CheckoutBook } from "./checkout-book.ts";
import type { CheckoutSettings, CheckoutSideView, CheckoutState } from "./checkout-protocol.ts";
import { type LiveCheckoutRun, startLiveCheckout } from "./live-checkout-run.ts";
import { losses } from "./pay-events.ts";
import { wantedSettings } from "../live/wanted-settings.ts";

/** The settings with which the story begins: the order is charged, and the page that would learn of it is gone. */
const defaults: CheckoutSettings = { lost: "answer", speed: "brisk" };

/**
 * The story of the checkout to watch: one run after the other, each with its own real processes. Without a watcher no customer
 * does anything further.
 */
export class LiveCheckout {
  /** Without a watcher the customers do nothing further. Paused, what is on its way still arrives. */
  readonly stage: LiveStage<LiveCheckoutRun, CheckoutState>;
  readonly #order: Order;
  #settings = defaults;
  #gate: LiveGate = liveGate();
  #book: CheckoutBook = checkoutBook();

  /** Both customers pay this order. */
  constructor(order: Order) {
    this.#order = order;
    this.stage = new LiveStage({
      begin: () => this.#begin(),
      setOpen: (isOpen) => this.#gate.setOpen(isOpen),
      step: () => this.#gate.step(),
      onEnd: (run) => run.readLedger(),
      forget: () => (this.#book = checkoutBook()),
      update: () => this.snapshot(),
    });
  }

  /** Everything there is to see now. */
  snapshot(): CheckoutState {
    const { run } = this.stage;
    run?.readLedger();
    const viewOf = (side: CallerName): CheckoutSideView => ({
      ...this.#book.view(side),
      ...(run !== undefined && { browser: run.browsers[side] }),
    });
    return {
      ...this.stage.standing,
      settings: this.#settings,
      sides: { careless: viewOf("careless"), safe: viewOf("safe") },
    };
  }

  /**
   * Changes settings.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is out of bounds, and for any while a run goes on.
   */
  change(change: unknown): void {
    const next = changeSettings(this.#settings, change);
    this.stage.checkIdle("left alone", change as object);
    this.#settings = next;
    this.stage.changed();
  }

  #begin(): Promise<LiveCheckoutRun> {
    this.#gate = liveGate();
    this.#book = checkoutBook();
    return startLiveCheckout({
      order: this.#order,
      ...this.#settings,
      gate: this.#gate,
      book: this.#book,
      onChange: () => this.stage.changed(),
    });
  }
}

function changeSettings(settings: CheckoutSettings, change: unknown): CheckoutSettings {
  const wanted = wantedSettings(settings, change);
  return {
    lost: checkChoice("lost", wanted.lost, losses),
    speed: checkChoice("speed", wanted.speed, Object.keys(legMs) as Speed[]),
  };
}
