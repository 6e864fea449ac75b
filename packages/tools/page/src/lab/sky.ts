import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { ExchangeView } from "../../../src/lab/live/live-protocol.ts";
import { type Flight, flightAfter, spotOf } from "./flights.ts";

/** More at a time would be a blur. The oldest go first. */
const flightsMax = 160;

const flights: Record<CallerName, Map<string, Flight>> = { careless: new Map(), safe: new Map() };

/** Takes note of exchanges that moved. */
export function noteMoved(moved: readonly ExchangeView[], isNewRun: boolean, now: number): void {
  if (isNewRun) for (const all of Object.values(flights)) all.clear();
  for (const view of moved) {
    const all = flights[view.caller];
    const known = all.get(view.id);
    // The past of a snapshot is not shown as if it happened now.
    if (known === undefined && isNewRun && isPast(view)) continue;
    all.set(view.id, flightAfter(known, view, now));
    if (all.size > flightsMax) all.delete(all.keys().next().value!);
  }
}

const isPast = ({ at }: ExchangeView): boolean => at === "heard" || at === "broken" || at === "left";

/** The flights of one caller that can still be seen. */
export function flightsOf(caller: CallerName, now: number): readonly Flight[] {
  const all = flights[caller];
  for (const [id, flight] of all) if (spotOf(flight, now) === undefined) all.delete(id);
  return [...all.values()];
}
