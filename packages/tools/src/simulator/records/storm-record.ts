import type { Limit } from "once-again/internal";
import { type AttemptEnding, attemptEndings } from "../attempt-ending.ts";
import { HerdRecord } from "./herd-record.ts";
import { LatencyRecord } from "./latency-record.ts";
import { LoadRecord } from "./load-record.ts";
import type { AttemptCounts, CallCounts } from "./storm-result.ts";
import type { StormSettings } from "../storm-settings.ts";

type Mutable<Counts> = {
  -readonly [Name in keyof Counts]: Counts[Name] extends object ? Mutable<Counts[Name]> : number;
};

/** Counts what the callers do, and what becomes of it. */
export class StormRecord {
  readonly calls: Mutable<CallCounts> = {
    begun: 0,
    succeeded: 0,
    failed: 0,
    failedBy: { attempts: 0, deadline: 0, budget: 0 },
  };
  readonly attempts: Mutable<AttemptCounts> = {
    begun: 0,
    retries: 0,
    hedges: 0,
    timedOut: 0,
    refused: 0,
    shed: 0,
    erred: 0,
    heldBack: { circuitBreaker: 0, throttle: 0, queueFull: 0 },
  };
  readonly latency = new LatencyRecord();
  readonly load: LoadRecord;
  /** The load by the second, which recoveries are judged by. */
  readonly seconds: LoadRecord;
  readonly herd: HerdRecord;
  lastSuccessMs = 0;

  constructor(settings: StormSettings) {
    this.load = new LoadRecord(settings.durationMs, settings.stepMs);
    this.seconds = new LoadRecord(settings.durationMs, 1000);
    this.herd = new HerdRecord(settings);
  }

  /** How many requests wait at the last service now. */
  noteQueue(atMs: number, waiting: number): void {
    this.load.noteQueue(atMs, waiting);
    this.seconds.noteQueue(atMs, waiting);
  }

  countAttempt(attempt: number, herdRow: number, atMs: number): void {
    this.attempts.begun += 1;
    this.herd.noteAttempt(herdRow, attempt, atMs);
    if (attempt > 1) {
      this.attempts.retries += 1;
      return;
    }
    this.calls.begun += 1;
    this.load.countOffered(atMs);
    this.seconds.countOffered(atMs);
  }

  countFailure(ending: AttemptEnding): void {
    const { attempts } = this;
    switch (ending) {
      case attemptEndings.timedOut:
        attempts.timedOut += 1;
        break;
      case attemptEndings.refused:
        attempts.refused += 1;
        break;
      case attemptEndings.shed:
        attempts.shed += 1;
        break;
      case attemptEndings.erred:
        attempts.erred += 1;
        break;
      case attemptEndings.heldByBreaker:
        attempts.heldBack.circuitBreaker += 1;
        break;
      case attemptEndings.heldByThrottle:
        attempts.heldBack.throttle += 1;
        break;
      case attemptEndings.heldByLimit:
        attempts.heldBack.queueFull += 1;
        break;
      case attemptEndings.succeeded:
    }
  }

  /** @param limit what forbade another attempt; `undefined`: the call succeeded. */
  countEnd(limit: Limit | undefined, startedMs: number, atMs: number): void {
    if (limit !== undefined) {
      this.calls.failed += 1;
      this.calls.failedBy[limit] += 1;
      return;
    }
    this.calls.succeeded += 1;
    this.lastSuccessMs = atMs;
    this.latency.add(atMs - startedMs);
    this.load.countSuccess(atMs);
    this.seconds.countSuccess(atMs);
  }
}
