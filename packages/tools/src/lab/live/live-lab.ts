import { invalidOptionError } from "once-again/options";
import { systemClock } from "once-again";
import type { Store } from "once-again/stores";
import type { CallerName } from "../caller-name.ts";
import type { Order } from "../orders.ts";
import { type LiveBook, liveBook } from "./live-book.ts";
import { type LiveGate, liveGate } from "./live-gate.ts";
import { takeOrders } from "./live-orders.ts";
import type {
  LivePhase,
  LiveSettings,
  LiveState,
  LiveUpdate,
  OrderFilter,
  OrderPage,
  ProcessName,
} from "./live-protocol.ts";
import { type LiveRun, startRun } from "./live-run.ts";
import { changeSettings, isSameRun } from "./live-settings.ts";

/** Changes are collected for this long, milliseconds, and then sent together. */
const tickMs = 60;

/** So long after the last watcher has gone a run is ended, milliseconds. */
const forgottenMs = 60_000;

/**
 * The lab to watch: one run after the other, each with real processes of its own, which nobody sees work unless somebody
 * watches: without watchers every request waits.
 */
export class LiveLab implements AsyncDisposable {
  readonly #source: readonly Order[];
  readonly #watchers = new Set<(update: LiveUpdate) => void>();
  #settings: LiveSettings;
  #phase: LivePhase = "idle";
  #problem: string | undefined;
  #runs = 0;
  #run: LiveRun | undefined;
  #gate: LiveGate = liveGate();
  #book: LiveBook = liveBook([]);
  /** What starts or ends processes is done one after the other. */
  #last: Promise<void> = Promise.resolve();
  #cancelTick: (() => void) | undefined;
  #cancelForgetting: (() => void) | undefined;

  /** It sends these orders, in this order, and over again under other ids when more are asked for. */
  constructor(source: readonly Order[], settings: LiveSettings) {
    this.#source = source;
    this.#settings = settings;
  }

  /** Everything there is to see now, to begin with. */
  snapshot(): LiveUpdate {
    return { state: this.#state(), exchanges: this.#book.recent() };
  }

  /** The keys of the run that goes on; undefined without one. */
  get keys(): Store | undefined {
    return this.#run?.keys;
  }

  /** How many orders of this run were answered from memory in the end. */
  get replays(): number {
    return this.#book.totals("safe").replayed;
  }

  /** Calls `onUpdate` with each change from now on, until the returned function is called. */
  watch(onUpdate: (update: LiveUpdate) => void): () => void {
    this.#cancelForgetting?.();
    this.#watchers.add(onUpdate);
    this.#enter(this.#phase);
    return () => {
      // Closing has sent all of them away already.
      if (!this.#watchers.delete(onUpdate)) return;
      this.#enter(this.#phase);
      if (this.#watchers.size > 0) return;
      this.#cancelForgetting = systemClock.timer(forgottenMs, () => void this.reset());
    };
  }

  /** Some orders that the filter is for, at most `limit`, the highest number below `before` first. */
  orders(filter: OrderFilter, before: number, limit: number): OrderPage {
    this.#run?.readLedger();
    return this.#book.page(filter, before, limit);
  }

  /**
   * Changes settings.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is out of bounds, or that a run keeps to its end.
   */
  change(change: unknown): void {
    const next = changeSettings(this.#settings, change);
    if (this.#isActive && !isSameRun(this.#settings, next)) {
      throw invalidOptionError(
        "settings",
        "faults or speed while a run goes on",
        Object.keys(change as object).join(", "),
      );
    }
    this.#settings = next;
    this.#changed();
  }

  /** Lets a paused run go on; without a run, starts one. */
  async start(): Promise<void> {
    if (this.#phase === "paused") this.#enter("running");
    else await this.#inTurn(() => this.#begin("running"));
  }

  /** Holds every further request back. What is on its way still arrives. */
  pause(): void {
    if (this.#phase === "running") this.#enter("paused");
  }

  /** Lets the next request of each caller go, and no other; without a run, starts one. */
  async step(): Promise<void> {
    if (!this.#isActive) await this.#inTurn(() => this.#begin("paused"));
    this.pause();
    this.#gate.step();
  }

  /** Ends the run and forgets it. */
  reset(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#endRun();
      this.#book = liveBook([]);
      this.#enter("idle");
    });
  }

  /** Kills a process of the run (SIGKILL). It comes back a moment later, with what it has on disk. */
  async kill(name: ProcessName): Promise<void> {
    await this.#run?.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelForgetting?.();
    this.#watchers.clear();
    await this.#inTurn(() => this.#endRun());
    this.#cancelTick?.();
  }

  get #isActive(): boolean {
    return this.#phase === "starting" || this.#phase === "running" || this.#phase === "paused";
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #begin(first: "running" | "paused"): Promise<void> {
    if (this.#isActive) return;
    const { mode, concurrency } = this.#settings;
    const orders = takeOrders(this.#source, mode === "story" ? 1 : this.#settings.orders);
    this.#runs += 1;
    this.#gate = liveGate();
    this.#book = liveBook(orders);
    this.#enter("starting");
    try {
      const run = await startRun({
        orders,
        concurrency,
        settings: () => this.#settings,
        gate: this.#gate,
        book: this.#book,
        onChange: () => this.#changed(),
      });
      this.#run = run;
      run.done.then(
        () => this.#finish(run, "finished"),
        (error: Error) => this.#finish(run, "failed", error.message),
      );
      this.#enter(first);
    } catch (error) {
      this.#enter("failed", (error as Error).message);
    }
  }

  #finish(run: LiveRun, phase: LivePhase, problem?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#run !== run) return;
      await this.#endRun();
      this.#enter(phase, problem);
    });
  }

  /** Takes the processes away. What is known of their work stays. */
  async #endRun(): Promise<void> {
    const run = this.#run;
    run?.readLedger();
    this.#run = undefined;
    await run?.[Symbol.asyncDispose]();
  }

  #enter(phase: LivePhase, problem = phase === "failed" ? this.#problem : undefined): void {
    this.#phase = phase;
    this.#problem = problem;
    this.#gate.setOpen(phase === "running" && this.#watchers.size > 0);
    this.#changed();
  }

  #changed(): void {
    this.#cancelTick ??= systemClock.timer(tickMs, () => {
      this.#cancelTick = undefined;
      const update = { state: this.#state(), exchanges: this.#book.moved() };
      for (const onUpdate of this.#watchers) onUpdate(update);
    });
  }

  #state(): LiveState {
    const run = this.#run;
    run?.readLedger();
    const viewOf = (name: CallerName) => ({
      totals: this.#book.totals(name),
      ledger: this.#book.ledger(name),
      held: run === undefined ? 0 : this.#gate.held(name),
    });
    return {
      phase: this.#phase,
      ...(this.#problem !== undefined && { problem: this.#problem }),
      settings: this.#settings,
      run: this.#runs,
      orders: this.#book.orders,
      ...(run !== undefined && { processes: run.processes }),
      callers: { careless: viewOf("careless"), safe: viewOf("safe") },
    };
  }
}
