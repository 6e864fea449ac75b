import type { Store } from "once-again/stores";
import type { CallerName } from "../caller-name.ts";
import type { Order } from "../orders.ts";
import { type LiveBook, liveBook } from "./live-book.ts";
import { type LiveGate, liveGate } from "./live-gate.ts";
import { takeOrders } from "./live-orders.ts";
import type {
  LiveSettings,
  LiveState,
  LiveUpdate,
  OrderFilter,
  OrderPage,
  ProcessName,
  ProcessView,
} from "./live-protocol.ts";
import { changeSettings, isSameRun } from "./live-settings.ts";
import { LiveStage } from "./live-stage.ts";

/** A run of the live lab: an API, two callers, a network for each. */
export interface LiveRun extends AsyncDisposable {
  readonly processes: Readonly<Record<ProcessName, ProcessView>>;
  /** The keys that the API stores. */
  readonly keys: Store;
  /** Settles when both callers are done with all orders; rejects when a process ends unasked. */
  readonly done: Promise<void>;
  /** Reads what is new in the ledger. */
  readLedger(): void;
  /** Kills a process; a moment later it is started again, on what was stored. */
  kill(name: ProcessName): Promise<void>;
}

/** The parts of a run. */
export interface LiveRunParts {
  readonly orders: readonly Order[];
  readonly concurrency: number;
  /** As they are now. */
  readonly settings: () => LiveSettings;
  readonly gate: LiveGate;
  readonly book: LiveBook;
  /** Called when there is something new to see. */
  readonly onChange: () => void;
}

/** Starts a run; settles when each caller has come to the gate. */
export type StartRun = (parts: LiveRunParts) => Promise<LiveRun>;

/**
 * The lab to watch: one run after the other, each with its own real processes. Without a watcher every request
 * waits.
 */
export class LiveLab {
  /** Paused, every further request is held back; what is on its way still arrives. */
  readonly stage: LiveStage<LiveRun, LiveUpdate>;
  readonly #source: readonly Order[];
  #settings: LiveSettings;
  #gate: LiveGate = liveGate();
  #book: LiveBook = liveBook([]);

  readonly #startRun: StartRun;

  /** It sends these orders, in this order, and over again under other ids when more are asked for. */
  constructor(source: readonly Order[], settings: LiveSettings, startRun: StartRun) {
    this.#source = source;
    this.#startRun = startRun;
    this.#settings = settings;
    this.stage = new LiveStage({
      begin: () => this.#begin(),
      setOpen: (isOpen) => this.#gate.setOpen(isOpen),
      step: () => this.#gate.step(),
      onEnd: (run) => run.readLedger(),
      forget: () => (this.#book = liveBook([])),
      update: () => ({ state: this.#state(), exchanges: this.#book.moved() }),
    });
  }

  /** Everything there is to see now, to begin with. */
  snapshot(): LiveUpdate {
    return { state: this.#state(), exchanges: this.#book.recent() };
  }

  /** The keys of the run that goes on; undefined without one. */
  get keys(): Store | undefined {
    return this.stage.run?.keys;
  }

  /** How many orders of this run were answered from memory in the end. */
  get replays(): number {
    return this.#book.totals("safe").replayed;
  }

  /** Some orders that the filter is for, at most `limit`, the highest number below `before` first. */
  orders(filter: OrderFilter, before: number, limit: number): OrderPage {
    this.stage.run?.readLedger();
    return this.#book.page(filter, before, limit);
  }

  /**
   * Changes settings.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is out of bounds, or that a run keeps to its end.
   */
  change(change: unknown): void {
    const next = changeSettings(this.#settings, change);
    if (!isSameRun(this.#settings, next)) this.stage.checkIdle("faults or speed", change as object);
    this.#settings = next;
    this.stage.changed();
  }

  /** Kills a process of the run (SIGKILL). It comes back a moment later, with what it has on disk. */
  async kill(name: ProcessName): Promise<void> {
    await this.stage.run?.kill(name);
  }

  #begin(): Promise<LiveRun> {
    const { mode, concurrency } = this.#settings;
    const orders = takeOrders(this.#source, mode === "story" ? 1 : this.#settings.orders);
    this.#gate = liveGate();
    this.#book = liveBook(orders);
    return this.#startRun({
      orders,
      concurrency,
      settings: () => this.#settings,
      gate: this.#gate,
      book: this.#book,
      onChange: () => this.stage.changed(),
    });
  }

  #state(): LiveState {
    const { run } = this.stage;
    run?.readLedger();
    const viewOf = (name: CallerName) => ({
      totals: this.#book.totals(name),
      ledger: this.#book.ledger(name),
      held: run === undefined ? 0 : this.#gate.held(name),
    });
    return {
      ...this.stage.standing,
      settings: this.#settings,
      orders: this.#book.orders,
      ...(run !== undefined && { processes: run.processes }),
      callers: { careless: viewOf("careless"), safe: viewOf("safe") },
    };
  }
}
