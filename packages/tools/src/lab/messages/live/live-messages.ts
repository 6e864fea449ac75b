import { invalidOptionError } from "once-again/internal";
import type { CallerName } from "../../caller-name.ts";
import { takeOrders } from "../../live/live-orders.ts";
import { LiveStage } from "../../live/live-stage.ts";
import type { Order } from "../../orders.ts";
import type { BrokerChoice } from "../brokers/open-broker.ts";
import { type LiveMessagesRun, startLiveMessages } from "./live-messages-run.ts";
import { type MessagesBook, messagesBook } from "./messages-book.ts";
import type { MessagesSettings, MessagesSideView, MessagesState, RoleName } from "./messages-protocol.ts";
import { changeMessagesSettings } from "./messages-settings.ts";

/** The options of a live story of messages. */
export interface LiveMessagesOptions {
  /** It saves these, in this order, and over again under other ids when more are asked for: at least one. */
  readonly orders: readonly Order[];
  readonly settings: MessagesSettings;
  readonly broker: BrokerChoice;
}

/**
 * The story of messages to watch: one run after the other, each with its own real processes. Without a watcher no
 * further order is placed.
 */
export class LiveMessages implements AsyncDisposable {
  readonly #options: LiveMessagesOptions;
  readonly #stage: LiveStage<LiveMessagesRun, MessagesState>;
  #settings: MessagesSettings;
  #book: MessagesBook = messagesBook([]);

  constructor(options: LiveMessagesOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#stage = new LiveStage({
      begin: () => this.#begin(),
      setOpen: (isOpen, run) => run?.setOpen(isOpen),
      onEnd: (run, isOver) => {
        run.readLedger();
        if (isOver) this.#book.close();
      },
      forget: () => (this.#book = messagesBook([])),
      update: () => this.snapshot(),
    });
  }

  /** Everything there is to see now. */
  snapshot(): MessagesState {
    const { run } = this.#stage;
    run?.readLedger();
    const viewOf = (side: CallerName): MessagesSideView => ({
      ...this.#book.view(side),
      ...(run !== undefined && { processes: run.processes[side] }),
    });
    return {
      ...this.#stage.standing,
      broker: this.#options.broker.kind,
      settings: this.#settings,
      orders: this.#book.orders,
      sides: { careless: viewOf("careless"), safe: viewOf("safe") },
    };
  }

  /** Calls `onUpdate` with each change from now on, until the returned function is called. */
  watch(onUpdate: (state: MessagesState) => void): () => void {
    return this.#stage.watch(onUpdate);
  }

  /**
   * Changes settings.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is out of bounds, and for any while a run goes on.
   */
  change(change: unknown): void {
    const next = changeMessagesSettings(this.#settings, change);
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

  /** Has no further order placed. What is placed is still announced and shipped. */
  pause(): void {
    this.#stage.pause();
  }

  /** Has each service place its next order, and no other; without a run, starts one. */
  async step(): Promise<void> {
    await this.#stage.hold();
    this.#stage.run?.step();
  }

  /** Ends the run and forgets it. */
  reset(): Promise<void> {
    return this.#stage.reset();
  }

  /** Kills a process of both sides (SIGKILL). They come back a moment later, with what they have on disk. */
  async kill(role: RoleName): Promise<void> {
    await this.#stage.run?.kill(role);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stage[Symbol.asyncDispose]();
  }

  #begin(): Promise<LiveMessagesRun> {
    const { orders: source, broker } = this.#options;
    const settings = this.#settings;
    const orders = takeOrders(source, settings.orders);
    const book = messagesBook(orders);
    this.#book = book;
    return startLiveMessages({ orders, settings, broker, book, onChange: () => this.#stage.changed() });
  }
}
