import { invalidOptionError, systemClock } from "once-again/internal";
import type { LivePhase } from "./live-protocol.ts";

/** A run that can be watched. */
export interface StagedRun extends AsyncDisposable {
  /** Settles when it has come to its end; rejects when it can't. */
  readonly done: Promise<void>;
}

/** The parts of a stage. */
export interface StageParts<Run extends StagedRun, Update> {
  /** Starts a run, with everything held back. */
  readonly begin: () => Promise<Run>;
  /** Lets things go, or holds them back. The run is missing while it starts, and without one. */
  readonly setOpen: (isOpen: boolean, run: Run | undefined) => void;
  /** Lets the next thing of each side go, and no other. The run stays as it is: paused. */
  readonly step: (run: Run | undefined) => void;
  /** Called with a run that is about to be taken away: it is over (`isOver`), or was given up. */
  readonly onEnd: (run: Run, isOver: boolean) => void;
  /** Forgets what is known of the last run. */
  readonly forget: () => void;
  /** The changes since the last call. */
  readonly update: () => Update;
}

/** Changes are collected for this long, milliseconds, and then sent together. */
const tickMs = 60;

/** So long after the last watcher has gone a run is ended, milliseconds. */
const forgottenMs = 60_000;

/** One run after the other. Without a watcher a run stands still. */
export class LiveStage<Run extends StagedRun, Update> implements AsyncDisposable {
  readonly #parts: StageParts<Run, Update>;
  readonly #watchers = new Set<(update: Update) => void>();
  #phase: LivePhase = "idle";
  #problem: string | undefined;
  #runs = 0;
  #run: Run | undefined;
  /** Processes are started and ended one after the other. */
  #last: Promise<void> = Promise.resolve();
  #cancelTick: (() => void) | undefined;
  #cancelForgetting: (() => void) | undefined;

  constructor(parts: StageParts<Run, Update>) {
    this.#parts = parts;
  }

  /** Where it stands. */
  get standing(): { readonly phase: LivePhase; readonly problem?: string; readonly run: number } {
    return {
      phase: this.#phase,
      ...(this.#problem !== undefined && { problem: this.#problem }),
      run: this.#runs,
    };
  }

  /** The run that goes on; undefined without one. */
  get run(): Run | undefined {
    return this.#run;
  }

  /** Whether a run starts, goes on or is paused. */
  get isActive(): boolean {
    return this.#phase === "starting" || this.#phase === "running" || this.#phase === "paused";
  }

  /** Calls `onUpdate` with each change from now on, until the returned function is called. */
  watch(onUpdate: (update: Update) => void): () => void {
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

  /** @throws OnceAgainError `ONCE_OPTION_INVALID` while a run goes on. @param expected what may be changed then. */
  checkIdle(expected: string, change: object): void {
    if (this.isActive)
      throw invalidOptionError("settings", `${expected} while a run goes on`, Object.keys(change).join(", "));
  }

  /** Says that there is something new to see. */
  changed(): void {
    this.#cancelTick ??= systemClock.timer(tickMs, () => {
      this.#cancelTick = undefined;
      const update = this.#parts.update();
      for (const onUpdate of this.#watchers) onUpdate(update);
    });
  }

  /** Lets a paused run go on; without a run, starts one. */
  async start(): Promise<void> {
    if (this.#phase === "paused") this.#enter("running");
    else await this.#inTurn(() => this.#begin("running"));
  }

  /** Holds back what would go next. What is on its way still arrives. */
  pause(): void {
    if (this.#phase === "running") this.#enter("paused");
  }

  /** Pauses the run, and lets the next thing of each side go; without a run, starts one. */
  async step(): Promise<void> {
    if (!this.isActive) await this.#inTurn(() => this.#begin("paused"));
    this.pause();
    this.#parts.step(this.#run);
  }

  /** Ends the run and forgets it. */
  reset(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#endRun(false);
      this.#parts.forget();
      this.#enter("idle");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelForgetting?.();
    this.#watchers.clear();
    await this.#inTurn(() => this.#endRun(false));
    this.#cancelTick?.();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #begin(first: "running" | "paused"): Promise<void> {
    if (this.isActive) return;
    this.#runs += 1;
    this.#parts.forget();
    this.#enter("starting");
    try {
      const run = await this.#parts.begin();
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

  #finish(run: Run, phase: LivePhase, problem?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#run !== run) return;
      await this.#endRun(phase === "finished");
      this.#enter(phase, problem);
    });
  }

  /** Takes the processes away. What is known of their work stays. */
  async #endRun(isOver: boolean): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    this.#parts.onEnd(run, isOver);
    this.#run = undefined;
    await run[Symbol.asyncDispose]();
  }

  #enter(phase: LivePhase, problem = phase === "failed" ? this.#problem : undefined): void {
    this.#phase = phase;
    this.#problem = problem;
    this.#parts.setOpen(phase === "running" && this.#watchers.size > 0, this.#run);
    this.changed();
  }
}
