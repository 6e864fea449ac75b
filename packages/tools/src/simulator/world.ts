import { type Clock, type Random, seededRandom } from "once-again";
import { CallTable } from "./call-table.ts";
import { drawMessageMs } from "./distributions.ts";
import { EventQueue } from "./events/event-queue.ts";
import { Requests } from "./requests.ts";
import type { StormSettings } from "./storm-settings.ts";

/** The kinds of events. The subject of one is a caller, a request, a call or an outage. */
export const eventKinds = {
  callerCalls: 0,
  requestArrives: 1,
  requestServed: 2,
  answerArrives: 3,
  attemptTimesOut: 4,
  retryDue: 5,
  hedgeDue: 6,
  outageBegins: 7,
  outageEnds: 8,
} as const;

/** The state that callers and services share: time, chance, the network, and the tables of what is going on. */
export class World {
  readonly events = new EventQueue();
  readonly calls = new CallTable();
  readonly requests = new Requests();
  readonly clock: Clock;
  /** A source of chance for each purpose, so that two policies meet the same callers. */
  readonly random: Readonly<Record<"arrivals" | "policy" | "service", Random>>;
  readonly #network: StormSettings["network"];
  readonly #networkRandom: Random;

  constructor({ network, seed }: StormSettings) {
    const { events } = this;
    this.#network = network;
    this.#networkRandom = seededRandom(`${seed}/network`);
    this.random = {
      arrivals: seededRandom(`${seed}/arrivals`),
      policy: seededRandom(`${seed}/policy`),
      service: seededRandom(`${seed}/service`),
    };
    this.clock = {
      now: () => events.atMs,
      monotonic: () => events.atMs,
      timer() {
        throw new Error("What waits in a simulation is an event.");
      },
    };
  }

  get nowMs(): number {
    return this.events.atMs;
  }

  /** Sends a message: when it arrives, `kind` happens to the request. `false`: it was lost. */
  send(kind: number, request: number): boolean {
    const { delayMs, lossRatio, spreadMs } = this.#network;
    if (lossRatio > 0 && this.#networkRandom() < lossRatio) return false;
    this.events.add(this.nowMs + drawMessageMs(this.#networkRandom, delayMs, spreadMs), kind, request);
    return true;
  }
}
