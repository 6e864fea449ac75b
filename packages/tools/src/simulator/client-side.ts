import { type FailureKind, type Limit, planRetry } from "once-again/internal";
import { ClientLayers } from "./client-layers.ts";
import type { ClientProcess } from "./client-process.ts";
import { never, none } from "./call-table.ts";
import { type DecideAfter, type AttemptEnding, attemptEndings } from "./attempt-ending.ts";
import { eventKinds, type World } from "./world.ts";

/** Called with what happens to the calls of a side. */
export interface ClientSideListeners {
  /** An attempt begins. */
  readonly onAttempt?: ((call: number) => void) | undefined;
  /** An attempt ended without success. */
  readonly onFailure?: ((ending: AttemptEnding) => void) | undefined;
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
export class ClientSide {
  readonly #world: World;
  readonly #service: number;
  readonly #processes: readonly ClientProcess[];
  readonly #decide: DecideAfter;
  readonly #listeners: ClientSideListeners;
  readonly #layers: ClientLayers;
  #begun = 0;

  constructor(
    world: World,
    service: number,
    processes: readonly ClientProcess[],
    decide: DecideAfter,
    listeners: ClientSideListeners,
  ) {
    this.#world = world;
    this.#service = service;
    this.#processes = processes;
    this.#decide = decide;
    this.#listeners = listeners;
    this.#layers = new ClientLayers(world, (call) => this.#processOf(call), {
      onPass: (call) => this.#depart(call),
      onHeld: (call, ending, retryAfterMs) => this.#fail(call, ending, undefined, retryAfterMs),
    });
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
    const { attemptTimeoutMs, timeoutMs = Number.POSITIVE_INFINITY } = this.#processOf(call);
    calls.retryAt[call] = never;
    calls.hedges[call] = 0;
    calls.attempts[call]! += 1;
    this.#listeners.onAttempt?.(call);
    calls.timesOutAt[call] = Math.min(nowMs + attemptTimeoutMs, calls.startedAt[call]! + timeoutMs);
    events.add(calls.timesOutAt[call], eventKinds.attemptTimesOut, call);
    this.#layers.enter(call);
  }

  timeOut(call: number): void {
    if (this.#world.calls.timesOutAt[call] !== this.#world.nowMs) return;
    const waitedForProbe = this.#layers.leaveLines(call);
    this.#fail(call, attemptEndings.timedOut, waitedForProbe ? undefined : true);
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
    const ending = requests.ending[request] as AttemptEnding;
    this.#unlink(call, request);
    if (ending === attemptEndings.succeeded) {
      const { budget, hedge } = this.#processOf(call);
      hedge?.recordLatency(nowMs - calls.sentAt[call]!);
      this.#endAttempt(call, false);
      budget?.onSuccess(failureKinds[calls.lastRetryKind[call]!]);
      this.#end(call, undefined);
    } else if (calls.request[call] === none) this.#fail(call, ending, true);
  }

  #processOf(call: number): ClientProcess {
    return this.#processes[this.#world.calls.process[call]!]!;
  }

  #depart(call: number): void {
    const { calls, nowMs } = this.#world;
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
  #fail(call: number, ending: AttemptEnding, hasFailed: true | undefined, retryAfterMs?: number): void {
    const { calls, events, nowMs } = this.#world;
    this.#listeners.onFailure?.(ending);
    this.#endAttempt(call, hasFailed);
    const process = this.#processOf(call);
    const plan = planRetry(process, this.#decide(ending, retryAfterMs), {
      attempts: calls.attempts[call]!,
      elapsedMs: nowMs - calls.startedAt[call]!,
      previousDelayMs: calls.delayMs[call]!,
    });
    if (plan.action === "stop") throw new RangeError(`No ending is for good, but this one is: ${plan.why}.`);
    if (plan.action === "limit") return this.#end(call, plan.why);
    calls.delayMs[call] = plan.backoffMs;
    calls.lastRetryKind[call] = failureKinds.indexOf(plan.kind);
    calls.retryAt[call] = nowMs + plan.delayMs;
    events.add(calls.retryAt[call], eventKinds.retryDue, call);
  }

  #end(call: number, limit: Limit | undefined): void {
    this.#listeners.onEnd(call, limit);
    this.#world.calls.end(call);
  }

  /** The attempt has ended: its requests are waited for no more. */
  #endAttempt(call: number, hasFailed: boolean | undefined): void {
    const { calls } = this.#world;
    calls.timesOutAt[call] = never;
    calls.hedgeAt[call] = never;
    while (calls.request[call] !== none) this.#unlink(call, calls.request[call]!);
    this.#layers.leave(call, hasFailed);
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
