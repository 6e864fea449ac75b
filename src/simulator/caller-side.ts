import type { FailureKind } from "../retry/index.ts";
import { planRetry, type Limit } from "../retry/plan.ts";
import type { CallerProcess } from "./caller-process.ts";
import { never, none } from "./calls.ts";
import { type DecideOnEnding, type Ending, endings } from "./ending.ts";
import { eventKinds, type World } from "./world.ts";

/** What a side tells of its calls. */
export interface CallerSideListeners {
  /** An attempt begins. */
  readonly onAttempt?: ((call: number) => void) | undefined;
  /** An attempt ended without success. */
  readonly onFailure?: ((ending: Ending) => void) | undefined;
  /** A request leaves for the service. */
  readonly onRequest?: ((isHedge: boolean) => void) | undefined;
  /** A call has ended; its row is still there. `limit` is what forbade another attempt. */
  readonly onEnd: (call: number, limit: Limit | undefined) => void;
}

/** Indexes into it are what a typed array keeps of a kind. */
const failureKinds: readonly (FailureKind | undefined)[] = [undefined, "transient", "throttled"];

/**
 * Those who call one service, the callers or the service before it: makes calls as `retry` and the layers make them, by
 * their rules, but on events instead of promises.
 */
export class CallerSide {
  readonly #world: World;
  readonly #service: number;
  readonly #processes: readonly CallerProcess[];
  readonly #decide: DecideOnEnding;
  readonly #listeners: CallerSideListeners;
  #begun = 0;

  constructor(
    world: World,
    service: number,
    processes: readonly CallerProcess[],
    decide: DecideOnEnding,
    listeners: CallerSideListeners,
  ) {
    this.#world = world;
    this.#service = service;
    this.#processes = processes;
    this.#decide = decide;
    this.#listeners = listeners;
  }

  /** @returns the call. */
  begin(origin: number): number {
    const { calls, nowMs } = this.#world;
    const call = calls.begin(this.#service, origin, this.#begun % this.#processes.length, nowMs);
    this.#begun += 1;
    this.#processOf(call).budget?.onRequest?.();
    return call;
  }

  attempt(call: number): void {
    const { calls, events, nowMs } = this.#world;
    const { attemptTimeoutMs, deadlineMs = Number.POSITIVE_INFINITY } = this.#processOf(call);
    calls.retryAt[call] = never;
    calls.hedges[call] = 0;
    calls.attempts[call]! += 1;
    this.#listeners.onAttempt?.(call);
    calls.timesOutAt[call] = Math.min(nowMs + attemptTimeoutMs, calls.startedAt[call]! + deadlineMs);
    events.addInOrder(calls.timesOutAt[call], eventKinds.attemptTimesOut, call);
    this.#passBreaker(call);
  }

  timeOut(call: number): void {
    if (this.#world.calls.timesOutAt[call] !== this.#world.nowMs) return;
    const { breaker, limit } = this.#processOf(call);
    limit?.line.delete(call);
    const waitedForProbe = breaker?.line.delete(call) ?? false;
    this.#fail(call, endings.timedOut, waitedForProbe ? undefined : true);
  }

  retry(call: number): void {
    if (this.#world.calls.retryAt[call] === this.#world.nowMs) this.attempt(call);
  }

  hedge(call: number): void {
    const { calls, nowMs } = this.#world;
    if (calls.hedgeAt[call] !== nowMs) return;
    calls.hedgeAt[call] = never;
    if (this.#processOf(call).budget?.tryTake() === false) return;
    calls.hedges[call]! += 1;
    this.#send(call, true);
  }

  /** The answer to a request that its call still waits for. */
  hear(request: number): void {
    const { calls, requests, nowMs } = this.#world;
    const call = requests.call[request]!;
    const ending = requests.ending[request] as Ending;
    this.#unlink(call, request);
    if (ending === endings.succeeded) {
      const { budget, hedge } = this.#processOf(call);
      hedge?.answered(nowMs - calls.sentAt[call]!);
      this.#leaveLayers(call, false);
      budget?.onSuccess(failureKinds[calls.paidFor[call]!]);
      this.#end(call, undefined);
    } else if (calls.request[call] === none) this.#fail(call, ending, true);
  }

  #processOf(call: number): CallerProcess {
    return this.#processes[this.#world.calls.process[call]!]!;
  }

  #passBreaker(call: number): void {
    const { calls, events, nowMs } = this.#world;
    const { breaker } = this.#processOf(call);
    if (breaker === undefined) return this.#passThrottle(call);
    const admission = breaker.state.admit(breaker.line.size);
    switch (admission.role) {
      case "waiter":
        breaker.line.add(call);
        return;
      case "refused":
        return this.#fail(call, endings.heldByBreaker, undefined, admission.retryAfterMs);
      case "probe":
        calls.isProbe[call] = 1;
        if (nowMs + breaker.probeTimeoutMs < calls.timesOutAt[call]!) {
          calls.timesOutAt[call] = nowMs + breaker.probeTimeoutMs;
          events.add(calls.timesOutAt[call], eventKinds.attemptTimesOut, call);
        }
        break;
      case "call":
        calls.counted[call] = admission.counted;
    }
    this.#passThrottle(call);
  }

  #passThrottle(call: number): void {
    const { throttle } = this.#processOf(call);
    if (throttle?.admits() === false) this.#fail(call, endings.heldByThrottle, undefined);
    else this.#passLimit(call);
  }

  #passLimit(call: number): void {
    const { limit } = this.#processOf(call);
    const entry = limit?.places.enter(limit.line.size);
    if (entry === "full") this.#fail(call, endings.heldByLimit, undefined);
    else if (entry === "wait") limit?.line.add(call);
    else this.#depart(call);
  }

  /** Nothing holds the attempt back any more. */
  #depart(call: number): void {
    const { calls, nowMs } = this.#world;
    calls.hasPlace[call] = 1;
    calls.sentAt[call] = nowMs;
    this.#send(call, false);
  }

  #send(call: number, isHedge: boolean): void {
    const { calls, events, nowMs, requests } = this.#world;
    const request = requests.begin(call, this.#service, calls.request[call]!);
    calls.request[call] = request;
    this.#listeners.onRequest?.(isHedge);
    if (!this.#world.send(eventKinds.requestArrives, request)) requests.drop(request);
    const { hedge } = this.#processOf(call);
    const delayMs = hedge?.delayMs();
    if (hedge === undefined || delayMs === undefined || calls.hedges[call]! >= hedge.hedgesMax) return;
    calls.hedgeAt[call] = nowMs + delayMs;
    events.add(nowMs + delayMs, eventKinds.hedgeDue, call);
  }

  /** @param hasFailed whether the service failed; `undefined`: the ending says nothing about it. */
  #fail(call: number, ending: Ending, hasFailed: true | undefined, retryAfterMs?: number): void {
    const { calls, events, nowMs } = this.#world;
    this.#listeners.onFailure?.(ending);
    this.#leaveLayers(call, hasFailed);
    const process = this.#processOf(call);
    const plan = planRetry(process, this.#decide(ending, retryAfterMs), {
      attempts: calls.attempts[call]!,
      elapsedMs: nowMs - calls.startedAt[call]!,
      previousDelayMs: calls.delayMs[call]!,
    });
    if (plan.action === "stop") throw new RangeError(`No ending is for good, but this one is: ${plan.why}.`);
    if (plan.action === "limit") return this.#end(call, plan.why);
    calls.delayMs[call] = plan.backoffMs;
    calls.paidFor[call] = failureKinds.indexOf(plan.kind);
    calls.retryAt[call] = nowMs + plan.delayMs;
    events.add(calls.retryAt[call], eventKinds.retryDue, call);
  }

  #end(call: number, limit: Limit | undefined): void {
    this.#listeners.onEnd(call, limit);
    this.#world.calls.end(call);
  }

  /** The attempt has ended: its requests are waited for no more, and the layers hear of it, from the inside out. */
  #leaveLayers(call: number, hasFailed: boolean | undefined): void {
    const { calls } = this.#world;
    calls.timesOutAt[call] = never;
    calls.hedgeAt[call] = never;
    while (calls.request[call] !== none) this.#unlink(call, calls.request[call]!);
    this.#leaveLimit(call);
    const { breaker, throttle } = this.#processOf(call);
    if (hasFailed !== undefined) throttle?.count(hasFailed);
    if (breaker !== undefined) this.#leaveBreaker(call, breaker, hasFailed);
  }

  #leaveLimit(call: number): void {
    const { calls } = this.#world;
    const { limit } = this.#processOf(call);
    if (limit === undefined || calls.hasPlace[call] === 0) return;
    calls.hasPlace[call] = 0;
    const [next] = limit.line;
    if (next === undefined) return limit.places.free();
    // The place is handed on rather than given up, so that nobody slips in before those who wait.
    limit.line.delete(next);
    this.#depart(next);
  }

  #leaveBreaker(call: number, breaker: NonNullable<CallerProcess["breaker"]>, hasFailed: boolean | undefined): void {
    const { calls } = this.#world;
    const counted = calls.counted[call];
    calls.counted[call] = undefined;
    if (counted !== undefined && hasFailed !== undefined) breaker.state.callEnded(counted, hasFailed);
    if (calls.isProbe[call] === 0) return;
    calls.isProbe[call] = 0;
    breaker.state.probeEnded(hasFailed);
    const waiting = [...breaker.line];
    breaker.line.clear();
    for (const waiter of waiting) this.#passBreaker(waiter);
  }

  /** Takes a request out of those that its call waits for. */
  #unlink(call: number, request: number): void {
    const { calls, requests } = this.#world;
    const older = requests.older[request]!;
    if (calls.request[call] === request) calls.request[call] = older;
    else {
      let newer = calls.request[call]!;
      while (requests.older[newer] !== request) newer = requests.older[newer]!;
      requests.older[newer] = older;
    }
    requests.forget(request);
  }
}
