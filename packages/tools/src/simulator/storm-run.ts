import { type ClientProcess, clientProcess } from "./client-process.ts";
import { ArrivalSchedule } from "./arrival-schedule.ts";
import { ClientSide, type ClientSideListeners } from "./client-side.ts";
import { decideAfterAttempts, attemptEndings } from "./attempt-ending.ts";
import { Service } from "./service.ts";
import { StormRecord } from "./records/storm-record.ts";
import type { StormSettings } from "./storm-settings.ts";
import { eventKinds, World } from "./world.ts";

/** A storm: callers, services and what lies between them, put together and set going. */
export class StormRun {
  readonly settings: StormSettings;
  readonly record: StormRecord;
  readonly services: readonly Service[];
  /** Requests that were sent to the last service. */
  requestsToLast = 0;
  /** Events simulated so far. */
  events = 0;
  endMs = 0;
  readonly #world: World;
  readonly #schedule: ArrivalSchedule;
  /** Who calls each of the services. */
  readonly #sides: readonly ClientSide[];

  constructor(settings: StormSettings) {
    this.settings = settings;
    this.record = new StormRecord(settings);
    this.#world = new World(settings);
    this.#schedule = new ArrivalSchedule(this.#world, settings);
    this.services = settings.services.map((_, index) => this.#service(index));
    this.#sides = settings.services.map((_, index) => this.#side(index));
    this.#begin();
  }

  /** Calls of the callers that have not ended. */
  get openCalls(): number {
    const { begun, failed, succeeded } = this.record.calls;
    return begun - failed - succeeded;
  }

  /** How much is done, 0 to 1. */
  get share(): number {
    const { arrivals, durationMs } = this.settings;
    const time = Math.min(1, this.#world.nowMs / durationMs);
    if (arrivals.kind !== "at-once") return time;
    return Math.max(time, (this.record.calls.begun - this.openCalls) / arrivals.callers);
  }

  /** Simulates up to that many events. `false`: it is over. */
  advance(eventsMax: number): boolean {
    const { events } = this.#world;
    for (let count = 0; count < eventsMax; count += 1) {
      if (this.#isQuiet()) {
        this.endMs = this.#world.nowMs;
        return false;
      }
      if (!events.next() || events.atMs > this.settings.durationMs) {
        this.endMs = this.settings.durationMs;
        return false;
      }
      this.events += 1;
      this.#happen(events.kind, events.subject);
    }
    return true;
  }

  /** Whether everybody has called and nothing is under way. Those who call for ever are never quiet. */
  #isQuiet(): boolean {
    const { arrivals } = this.settings;
    const { calls, requests } = this.#world;
    return (
      arrivals.kind === "at-once" &&
      this.record.calls.begun === arrivals.callers &&
      calls.used === 0 &&
      requests.used === 0
    );
  }

  #happen(kind: number, subject: number): void {
    const { calls, requests } = this.#world;
    switch (kind) {
      case eventKinds.callerCalls:
        return this.#call(subject);
      case eventKinds.requestArrives:
        return this.services[requests.service[subject]!]!.arrive(subject);
      case eventKinds.requestServed:
        return this.services[requests.service[subject]!]!.serve(subject);
      case eventKinds.answerArrives:
        return this.#hear(subject);
      case eventKinds.attemptTimesOut:
        return this.#sides[calls.side[subject]!]!.timeOut(subject);
      case eventKinds.retryDue:
        return this.#sides[calls.side[subject]!]!.retry(subject);
      case eventKinds.hedgeDue:
        return this.#sides[calls.side[subject]!]!.hedge(subject);
      case eventKinds.outageBegins:
        return this.#outageService(subject).beginOutage(this.settings.outages[subject]!.kind);
      case eventKinds.outageEnds:
        return this.#outageService(subject).endOutage();
    }
  }

  #outageService(outage: number): Service {
    return this.services[this.settings.outages[outage]!.service]!;
  }

  #begin(): void {
    const { events } = this.#world;
    const { outages } = this.settings;
    for (const [index, { fromMs, toMs }] of outages.entries()) {
      events.add(fromMs, eventKinds.outageBegins, index);
      events.add(toMs, eventKinds.outageEnds, index);
    }
    this.#schedule.begin();
  }

  #call(caller: number): void {
    const { calls, nowMs } = this.#world;
    this.#schedule.scheduleNext(caller);
    const call = this.#sides[0]!.begin(caller);
    calls.herdRow[call] = this.record.herd.takeRow(caller, nowMs);
    this.#sides[0]!.attempt(call);
  }

  #hear(request: number): void {
    const { requests } = this.#world;
    const service = requests.service[request]!;
    if (requests.isAwaited[request] === 0) return this.services[service]!.discard(request);
    this.#sides[service]!.hear(request);
    requests.drop(request);
  }

  #service(index: number): Service {
    const { record } = this;
    const world = this.#world;
    const isLast = index === this.settings.services.length - 1;
    return new Service(world, this.settings.services[index]!, {
      onServed: isLast ? undefined : (request) => this.#callNext(index + 1, request),
      onQueue: isLast ? (waiting) => record.noteQueue(world.nowMs, waiting) : undefined,
    });
  }

  /** A service in the middle calls the next one for a request. */
  #callNext(side: number, request: number): void {
    this.#sides[side]!.attempt(this.#sides[side]!.begin(request));
  }

  #side(index: number): ClientSide {
    const { services, policy, processes } = this.settings;
    const settings = index === 0 ? policy : services[index - 1]!.policy!;
    const count = index === 0 ? processes : 1;
    const made = Array.from({ length: count }, (): ClientProcess => clientProcess(settings, this.#world));
    const decide = decideAfterAttempts(() => this.services[index]!.retryAfterMs());
    return new ClientSide(this.#world, index, made, decide, {
      ...(index === 0 ? this.#callersListeners() : this.#middleListeners(index - 1)),
      onRequest: index === services.length - 1 ? (isHedge) => this.#requested(isHedge && index === 0) : undefined,
    });
  }

  #requested(isHedge: boolean): void {
    const atMs = this.#world.nowMs;
    this.requestsToLast += 1;
    this.record.load.countSent(atMs);
    if (isHedge) this.record.attempts.hedges += 1;
  }

  #callersListeners(): ClientSideListeners {
    const { record } = this;
    const { calls } = this.#world;
    return {
      onAttempt: (call) => record.countAttempt(calls.attempts[call]!, calls.herdRow[call]!, this.#world.nowMs),
      onFailure: (ending) => record.countFailure(ending),
      onEnd: (call, limit) => {
        record.countEnd(limit, calls.startedAt[call]!, this.#world.nowMs);
        this.#schedule.scheduleAgain(calls.origin[call]!);
      },
    };
  }

  #middleListeners(service: number): ClientSideListeners {
    const { calls } = this.#world;
    return {
      onEnd: (call, limit) =>
        this.services[service]!.answer(
          calls.origin[call]!,
          limit === undefined ? attemptEndings.succeeded : attemptEndings.erred,
        ),
    };
  }
}
