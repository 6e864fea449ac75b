import { drawExponentialMs } from "./distributions.ts";
import type { StormSettings } from "./storm-settings.ts";
import { eventKinds, type World } from "./world.ts";

/** When the callers call, by the kind of their arrivals. */
export class ArrivalSchedule {
  readonly #world: World;
  readonly #arrivals: StormSettings["arrivals"];

  constructor(world: World, { arrivals }: StormSettings) {
    this.#world = world;
    this.#arrivals = arrivals;
  }

  begin(): void {
    const { events, random } = this.#world;
    const arrivals = this.#arrivals;
    if (arrivals.kind === "poisson") return this.#callsAfter(0, 1000 / arrivals.perSecond);
    for (let caller = 0; caller < arrivals.callers; caller += 1) {
      if (arrivals.kind === "closed") this.#callsAfter(caller, arrivals.thinkMs);
      else events.add(random.arrivals() * (arrivals.withinMs ?? 0), eventKinds.callerCalls, caller);
    }
  }

  /** A caller calls: of those who come at random, the next one will. */
  scheduleNext(caller: number): void {
    if (this.#arrivals.kind === "poisson") this.#callsAfter(caller + 1, 1000 / this.#arrivals.perSecond);
  }

  /** The call of a caller has ended: who comes again and again, thinks. */
  scheduleAgain(caller: number): void {
    if (this.#arrivals.kind === "closed") this.#callsAfter(caller, this.#arrivals.thinkMs);
  }

  #callsAfter(caller: number, meanMs: number): void {
    const { events, nowMs, random } = this.#world;
    events.add(nowMs + drawExponentialMs(random.arrivals, meanMs), eventKinds.callerCalls, caller);
  }
}
