import { drawRetryAfterSeconds, retryAfterRange } from "once-again/internal";
import { drawExponentialMs } from "./distributions.ts";
import { type AttemptEnding, attemptEndings } from "./attempt-ending.ts";
import { IntQueue } from "./events/int-queue.ts";
import type { Outage } from "./storm-options.ts";
import type { ServiceCounts } from "./records/storm-result.ts";
import type { ServiceSettings } from "./storm-settings.ts";
import { eventKinds, type World } from "./world.ts";

/** Called with what happens in a service. */
export interface ServiceListeners {
  /** A worker is done with a request; without it, the answer goes out at once. */
  readonly onServed?: ((request: number) => void) | undefined;
  /** The queue, those held by an outage among them, has changed. */
  readonly onQueue?: ((length: number) => void) | undefined;
}

/** Takes requests, lets them wait, serves and answers them. */
export class Service {
  readonly counts = { arrived: 0, served: 0, wasted: 0, refused: 0, shed: 0, queuePeak: 0 } satisfies ServiceCounts;
  readonly #world: World;
  readonly #settings: ServiceSettings;
  readonly #listeners: ServiceListeners;
  readonly #queue = new IntQueue();
  readonly #held = new IntQueue();
  #busy = 0;
  #outage: Required<Outage>["kind"] | undefined;
  #outageBeganAt = 0;

  constructor(world: World, settings: ServiceSettings, listeners: ServiceListeners) {
    this.#world = world;
    this.#settings = settings;
    this.#listeners = listeners;
  }

  arrive(request: number): void {
    this.counts.arrived += 1;
    this.#world.requests.arrivedAt[request] = this.#world.nowMs;
    if (this.#outage === undefined) this.#enter(request);
    else if (this.#outage === "hold") this.#wait(this.#held, request);
    else this.answer(request, this.#outage === "shed" ? attemptEndings.shed : attemptEndings.refused);
  }

  beginOutage(kind: Required<Outage>["kind"]): void {
    this.#outage = kind;
    this.#outageBeganAt = this.#world.nowMs;
  }

  /** The `Retry-After` of a 503 that is sent now, milliseconds; `undefined` where it has none. */
  retryAfterMs(): number | undefined {
    const { retryAfter, retryAfterMs } = this.#settings;
    if (retryAfterMs === undefined || retryAfter !== "spread") return retryAfterMs;
    const awayMs = this.#outage === undefined ? 0 : this.#world.nowMs - this.#outageBeganAt;
    return 1000 * drawRetryAfterSeconds(retryAfterRange(retryAfterMs, awayMs), this.#world.random.service);
  }

  endOutage(): void {
    this.#outage = undefined;
    for (let request = this.#held.shift(); request !== undefined; request = this.#held.shift()) this.#enter(request);
    this.#listeners.onQueue?.(this.#queue.length);
  }

  /** A worker is done with a request, and takes the next one. */
  serve(request: number): void {
    this.counts.served += 1;
    this.#busy -= 1;
    this.#takeNext();
    const { errorRatio } = this.#settings;
    if (errorRatio > 0 && this.#world.random.service() < errorRatio) this.answer(request, attemptEndings.erred);
    else if (this.#listeners.onServed === undefined) this.answer(request, attemptEndings.succeeded);
    else this.#listeners.onServed(request);
  }

  /** Sends the answer, if anybody waits for it. */
  answer(request: number, ending: AttemptEnding): void {
    const { requests } = this.#world;
    if (ending === attemptEndings.shed) this.counts.shed += 1;
    if (ending === attemptEndings.refused) this.counts.refused += 1;
    requests.answer(request, ending);
    const isSent = requests.isAwaited[request] === 1 && this.#world.send(eventKinds.answerArrives, request);
    if (!isSent) this.discard(request);
  }

  /** Drops the answer: its caller has gone. */
  discard(request: number): void {
    const { requests } = this.#world;
    const ending = requests.ending[request];
    if (ending === attemptEndings.succeeded || ending === attemptEndings.erred) this.counts.wasted += 1;
    requests.drop(request);
  }

  #enter(request: number): void {
    if (this.#busy < this.#settings.workers) this.#start(request);
    else if (this.#queue.length >= this.#settings.queueMax) this.answer(request, attemptEndings.shed);
    else this.#wait(this.#queue, request);
  }

  #wait(line: IntQueue, request: number): void {
    line.push(request);
    const waiting = this.#queue.length + this.#held.length;
    this.counts.queuePeak = Math.max(this.counts.queuePeak, waiting);
    this.#listeners.onQueue?.(waiting);
  }

  #start(request: number): void {
    const { serviceMs, serviceTime } = this.#settings;
    this.#busy += 1;
    const ms = serviceTime === "fixed" ? serviceMs : drawExponentialMs(this.#world.random.service, serviceMs);
    this.#world.events.add(this.#world.nowMs + ms, eventKinds.requestServed, request);
  }

  #takeNext(): void {
    const { queueTimeoutMs = Number.POSITIVE_INFINITY } = this.#settings;
    for (let request = this.#queue.shift(); request !== undefined; request = this.#queue.shift()) {
      this.#listeners.onQueue?.(this.#queue.length + this.#held.length);
      if (this.#world.nowMs - this.#world.requests.arrivedAt[request]! <= queueTimeoutMs) {
        this.#start(request);
        return;
      }
      this.answer(request, attemptEndings.shed);
    }
  }
}
