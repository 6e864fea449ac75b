import type { ClientProcess } from "./client-process.ts";
import { type AttemptEnding, attemptEndings } from "./attempt-ending.ts";
import { eventKinds, type World } from "./world.ts";

/** The ends of an attempt in the layers. */
export interface ClientLayersListeners {
  /** Nothing holds it back any more. */
  readonly onPass: (call: number) => void;
  /** It is held back for good. `retryAfterMs`: for how long the layer holds back others. */
  readonly onHeld: (call: number, ending: AttemptEnding, retryAfterMs?: number) => void;
}

/** The layers between an attempt and the network, from outside in: circuit breaker, throttle, concurrency limit. */
export class ClientLayers {
  readonly #world: World;
  readonly #processOf: (call: number) => ClientProcess;
  readonly #listeners: ClientLayersListeners;

  constructor(world: World, processOf: (call: number) => ClientProcess, listeners: ClientLayersListeners) {
    this.#world = world;
    this.#processOf = processOf;
    this.#listeners = listeners;
  }

  /** An attempt begins. */
  enter(call: number): void {
    const { calls, events, nowMs } = this.#world;
    const { breaker } = this.#processOf(call);
    if (breaker === undefined) return this.#passThrottle(call);
    const admission = breaker.state.admit(breaker.line.size);
    switch (admission.role) {
      case "waiter":
        breaker.line.add(call);
        return;
      case "refused":
        return this.#listeners.onHeld(call, attemptEndings.heldByBreaker, admission.retryAfterMs);
      case "probe":
        calls.isProbe[call] = 1;
        if (nowMs + breaker.probeTimeoutMs < calls.timesOutAt[call]!) {
          calls.timesOutAt[call] = nowMs + breaker.probeTimeoutMs;
          events.add(calls.timesOutAt[call], eventKinds.attemptTimesOut, call);
        }
        break;
      case "call":
        calls.counted.set(call, admission.counted);
    }
    this.#passThrottle(call);
  }

  /** An attempt waits in no line any more. @returns whether it waited for a probe, and so never came to the service. */
  leaveLines(call: number): boolean {
    const { breaker, limit } = this.#processOf(call);
    limit?.line.delete(call);
    return breaker?.line.delete(call) ?? false;
  }

  /**
   * An attempt has ended: notifies the layers, from the inside out.
   *
   * @param hasFailed whether the service failed; `undefined`: the ending says nothing about it.
   */
  leave(call: number, hasFailed: boolean | undefined): void {
    this.#leaveLimit(call);
    const { breaker, throttle } = this.#processOf(call);
    if (hasFailed !== undefined) throttle?.count(hasFailed);
    if (breaker !== undefined) this.#leaveBreaker(call, breaker, hasFailed);
  }

  #passThrottle(call: number): void {
    const { throttle } = this.#processOf(call);
    if (throttle?.admits() === false) this.#listeners.onHeld(call, attemptEndings.heldByThrottle);
    else this.#passLimit(call);
  }

  #passLimit(call: number): void {
    const { limit } = this.#processOf(call);
    const entry = limit?.state.enter(limit.line.size);
    if (entry === "full") this.#listeners.onHeld(call, attemptEndings.heldByLimit);
    else if (entry === "wait") limit?.line.add(call);
    else this.#pass(call);
  }

  #pass(call: number): void {
    this.#world.calls.hasPlace[call] = 1;
    this.#listeners.onPass(call);
  }

  #leaveLimit(call: number): void {
    const { calls } = this.#world;
    const { limit } = this.#processOf(call);
    if (limit === undefined || calls.hasPlace[call] === 0) return;
    calls.hasPlace[call] = 0;
    const [next] = limit.line;
    if (next === undefined) return limit.state.leave();
    // The place is handed on rather than given up, so that a new attempt can't take it before those that wait.
    limit.line.delete(next);
    this.#pass(next);
  }

  #leaveBreaker(call: number, breaker: NonNullable<ClientProcess["breaker"]>, hasFailed: boolean | undefined): void {
    const { calls } = this.#world;
    const counted = calls.counted.get(call);
    calls.counted.delete(call);
    if (counted !== undefined && hasFailed !== undefined) breaker.state.callEnded(counted, hasFailed);
    if (calls.isProbe[call] === 0) return;
    calls.isProbe[call] = 0;
    breaker.state.probeEnded(hasFailed);
    const waiting = [...breaker.line];
    breaker.line.clear();
    for (const waiter of waiting) this.enter(waiter);
  }
}
