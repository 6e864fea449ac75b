import { checkChoice, invalidOptionError } from "once-again/internal";
import type { CallerName } from "../caller-name.ts";
import { type LiveGate, liveGate } from "../live/live-gate.ts";
import { legMs, type Speed } from "../live/live-protocol.ts";
import { LiveStage } from "../live/live-stage.ts";
import type { Order } from "../orders.ts";
import { checkoutBook, type CheckoutBook } from "./checkout-book.ts";
import type { CheckoutSettings, CheckoutSideView, CheckoutState } from "./checkout-protocol.ts";
import { type LiveCheckoutRun, startLiveCheckout } from "./live-checkout-run.ts";
import { losses } from "./pay-events.ts";

/** The settings with which the story begins: the order is charged, and the page that would learn of it is gone. */
const defaults: CheckoutSettings = { lost: "answer", speed: "brisk" };

/**
 * The story of the checkout to watch: one run after the other, each with its own real processes. Without a watcher no customer
 * does anything further.
 */
export class LiveCheckout implements AsyncDisposable {
  readonly #order: Order;
  readonly #stage: LiveStage<LiveCheckoutRun, CheckoutState>;
  #settings = defaults;
  #gate: LiveGate = liveGate();
  #book: CheckoutBook = checkoutBook();

  /** Both customers pay this order. */
  constructor(order: Order) {
    this.#order = order;
    this.#stage = new LiveStage({
      begin: () => this.#begin(),
      setOpen: (isOpen) => this.#gate.setOpen(isOpen),
      onEnd: (run) => run.readLedger(),
      forget: () => (this.#book = checkoutBook()),
      update: () => this.snapshot(),
    });
  }

  /** Everything there is to see now. */
  snapshot(): CheckoutState {
    const { run } = this.#stage;
    run?.readLedger();
    const viewOf = (side: CallerName): CheckoutSideView => ({
      ...this.#book.view(side),
      ...(run !== undefined && { browser: run.browsers[side] }),
    });
    return {
      ...this.#stage.standing,
      settings: this.#settings,
      sides: { careless: viewOf("careless"), safe: viewOf("safe") },
    };
  }

  /** Calls `onUpdate` with each change from now on, until the returned function is called. */
  watch(onUpdate: (state: CheckoutState) => void): () => void {
    return this.#stage.watch(onUpdate);
  }

  /**
   * Changes settings.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is out of bounds, and for any while a run goes on.
   */
  change(change: unknown): void {
    const next = changeSettings(this.#settings, change);
    if (this.#stage.isActive) {
      throw invalidOptionError("settings", "left alone while a run goes on", Object.keys(change as object).join(", "));
    }
    this.#settings = next;
    this.#stage.changed();
  }

  /** Lets a paused run go on; without a run, starts one. */
  start(): Promise<void> {
    return this.#stage.start();
  }

  /** Has the customers do nothing further. What is on its way still arrives. */
  pause(): void {
    this.#stage.pause();
  }

  /** Has each customer do the next thing, and no other; without a run, starts one. */
  async step(): Promise<void> {
    await this.#stage.hold();
    this.#gate.step();
  }

  /** Ends the run and forgets it. */
  reset(): Promise<void> {
    return this.#stage.reset();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stage[Symbol.asyncDispose]();
  }

  #begin(): Promise<LiveCheckoutRun> {
    this.#gate = liveGate();
    this.#book = checkoutBook();
    return startLiveCheckout({
      order: this.#order,
      ...this.#settings,
      gate: this.#gate,
      book: this.#book,
      onChange: () => this.#stage.changed(),
    });
  }
}

function changeSettings(settings: CheckoutSettings, change: unknown): CheckoutSettings {
  if (typeof change !== "object" || change === null) throw invalidOptionError("settings", "an object", change);
  const unknown = Object.keys(change).find((name) => !Object.hasOwn(settings, name));
  if (unknown !== undefined) throw invalidOptionError("settings", `of ${Object.keys(settings).join(", ")}`, unknown);
  const wanted = { ...settings, ...change };
  return {
    lost: checkChoice("lost", wanted.lost, losses),
    speed: checkChoice("speed", wanted.speed, Object.keys(legMs) as Speed[]),
  };
}
