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
export class LiveMessages {
  /** Paused, no further order is placed; what is placed is still announced and shipped. */
  readonly stage: LiveStage<LiveMessagesRun, MessagesState>;
  readonly #options: LiveMessagesOptions;
  #settings: MessagesSettings;
  #book: MessagesBook = messagesBook([]);

  constructor(options: LiveMessagesOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.stage = new LiveStage({
      begin: () => this.#begin(),
      setOpen: (isOpen, run) => run?.setOpen(isOpen),
      step: (run) => run?.step(),
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
    const { run } = this.stage;
    run?.readLedger();
    const viewOf = (side: CallerName): MessagesSideView => ({
      ...this.#book.view(side),
      ...(run !== undefined && { processes: run.processes[side] }),
    });
    return {
      ...this.stage.standing,
      broker: this.#options.broker.kind,
      settings: this.#settings,
      orders: this.#book.orders,
      sides: { careless: viewOf("careless"), safe: viewOf("safe") },
    };
  }

  /**
   * Changes settings.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is out of bounds, and for any while a run goes on.
   */
  change(change: unknown): void {
    const next = changeMessagesSettings(this.#settings, change);
    this.stage.checkIdle("left alone", change as object);
    this.#settings = next;
    this.stage.changed();
  }

  /** Kills a process of both sides (SIGKILL). They come back a moment later, with what they have on disk. */
  async kill(role: RoleName): Promise<void> {
    await this.stage.run?.kill(role);
  }

  #begin(): Promise<LiveMessagesRun> {
    const { orders: source, broker } = this.#options;
    const settings = this.#settings;
    const orders = takeOrders(source, settings.orders);
    const book = messagesBook(orders);
    this.#book = book;
    return startLiveMessages({ orders, settings, broker, book, onChange: () => this.stage.changed() });
  }
}
