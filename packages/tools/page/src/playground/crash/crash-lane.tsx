import { Lane } from "../../lab/lane.tsx";
import type { EffectPlace } from "../page-api.ts";
import type { CrashResult } from "./crash-settings.ts";
import { callerWords, eventWords, verdictOf } from "./crash-words.ts";

/** The events of one caller's order, and its verdict. */
export function CrashLane({ result, effect }: { readonly result: CrashResult; readonly effect: EffectPlace }) {
  const { caller, charges, events } = result;
  return (
    <Lane
      name={caller}
      {...callerWords[caller]}
      verdict={verdictOf(result)}
      events={events.map(({ atMs, what }) => ({ atMs, ...eventWords(what, effect, caller) }))}
    >
      <p class="quiet">
        In the ledger: {charges} {charges === 1 ? "charge" : "charges"} of 5.00 EUR.
      </p>
    </Lane>
  );
}
