import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { LiveState, LiveTotals } from "../../../src/lab/live/live-protocol.ts";
import { exchanges } from "./lab-live.ts";
import { Ledger } from "./ledger.tsx";
import { NetworkView } from "./network-view.tsx";
import { chargeWords } from "./words.ts";
import { RecentWords } from "./recent-words.tsx";
import { Story } from "./story.tsx";
import { Station } from "./station.tsx";
import { type Total, Totals } from "./totals.tsx";

const heads: Readonly<Record<CallerName, { readonly title: string; readonly rule: string }>> = {
  careless: { title: "Careless caller", rule: "No answer? Send the order again." },
  safe: { title: "Safe caller", rule: "No answer? Send the order again, with the same key." },
};

/** One caller, the network and the API: what goes between them, and what came of it. */
export function CallerLane({ caller, state }: { caller: CallerName; state: LiveState }) {
  const { title, rule } = heads[caller];
  const isStory = state.settings.mode === "story";
  const own = exchanges.value.filter((view) => view.caller === caller);
  const { totals, ledger, held } = state.callers[caller];
  return (
    <section class="card lane" aria-labelledby={`${caller}-title`}>
      <h2 id={`${caller}-title`}>{title}</h2>
      <p class="rule">{rule}</p>
      <div class={isStory ? "network is-story" : "network"}>
        <Station name="Caller" process={state.processes?.[caller]} />
        <div class="wire">
          <NetworkView caller={caller} isStory={isStory} />
          <span class="wire-name" aria-hidden="true">
            the network
          </span>
        </div>
        <Station name="API" process={state.processes?.api} />
      </div>
      <p class="held">{held > 0 ? `${held === 1 ? "1 request waits" : `${held} requests wait`} to be let go` : ""}</p>
      {isStory ? <Story caller={caller} exchanges={own} totals={totals} /> : <RecentWords exchanges={own} />}
      <Totals caller={caller} totals={tilesOf(totals, state.orders)} isBegun={totals.settled > 0} />
      <Ledger caller={caller} rows={ledger} total={totals.charges} words={chargeWords} />
    </section>
  );
}

function tilesOf({ confirmed, charges, duplicates, lost, inDoubt }: LiveTotals, orders: number): readonly Total[] {
  return [
    { name: "confirmed", label: "Confirmed", value: confirmed, of: orders },
    { name: "charges", label: "Charges", value: charges },
    { name: "duplicates", label: "Charged too often", value: duplicates, isFault: true },
    { name: "lost", label: "Lost", value: lost, isFault: true },
    { name: "inDoubt", label: "In doubt", value: inDoubt, isFault: true },
  ];
}
