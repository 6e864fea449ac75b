import type { CallerName } from "../../../../src/lab/caller-name.ts";
import type {
  IncidentView,
  MessagesState,
  MessagesTotals,
} from "../../../../src/lab/messages/live/messages-protocol.ts";
import { Ledger } from "../ledger.tsx";
import { useSlowly } from "../recent-words.tsx";
import { Station } from "../station.tsx";
import { type Total, Totals } from "../totals.tsx";
import { count } from "../words.ts";
import { brokerWords, incidentWords, verdictWords } from "./messages-words.ts";

const heads: Readonly<Record<CallerName, { readonly title: string; readonly rule: string }>> = {
  careless: { title: "Careless pair", rule: "Save, then announce. Ship what comes." },
  safe: { title: "Safe pair", rule: "Save order and message together. Ship each message once." },
};

/** An order service, the broker and a shipping: what goes between them, and what came of it. */
export function SideLane({ side, state }: { side: CallerName; state: MessagesState }) {
  const { title, rule } = heads[side];
  const view = state.sides[side];
  const { totals, outbox, queued, processes, ledger, incidents } = view;
  return (
    <section class="card lane is-messages" aria-labelledby={`${side}-title`}>
      <h2 id={`${side}-title`}>{title}</h2>
      <p class="rule">{rule}</p>
      <div class="pipeline">
        <Station name="Order service" process={processes?.service} />
        <div class={side === "safe" ? "station" : "station is-missing"}>
          <strong>{side === "safe" ? "Outbox" : "No outbox"}</strong>
          {side === "safe" ? <Figure name="outbox" value={outbox} words="wait" /> : <span>in memory only</span>}
        </div>
        <div class="station">
          <strong>Broker</strong>
          <Figure name="queued" value={queued} words="queued" />
          <span>{brokerWords[state.broker]}</span>
        </div>
        <Station name={side === "safe" ? "Shipping, inbox" : "Shipping"} process={processes?.shipping} />
      </div>
      <Incidents side={side} incidents={incidents} />
      <Totals caller={side} totals={tilesOf(totals, state.orders)} isBegun={totals.shipments > 0} />
      <Ledger caller={side} rows={ledger} total={totals.shipments} words={shipmentWords} />
      {state.phase === "finished" && <Verdict side={side} state={state} />}
    </section>
  );
}

const shipmentWords = { rows: "shipments", repeat: "shipped again" };

function Figure({ name, value, words }: { name: string; value: number; words: string }) {
  return (
    <span class="figure" data-waiting={name}>
      <b>{count(value)}</b> {words}
    </span>
  );
}

function tilesOf(totals: MessagesTotals, orders: number): readonly Total[] {
  const { saved, published, delivered, repeats, shipments, duplicates, lost, faults } = totals;
  return [
    { name: "saved", label: "Orders saved", value: saved, of: orders },
    { name: "published", label: "Published", value: published },
    { name: "faults", label: "Faults met", value: faults },
    { name: "delivered", label: "Delivered", value: delivered },
    { name: "repeats", label: "Known already", value: repeats },
    { name: "shipments", label: "Shipments", value: shipments },
    { name: "duplicates", label: "Shipped too often", value: duplicates, isFault: true },
    { name: "lost", label: "Lost", value: lost, isFault: true },
  ];
}

/** The last faults and repairs. */
function Incidents({ side, incidents }: { side: CallerName; incidents: readonly IncidentView[] }) {
  const shown = useSlowly(incidents);
  return (
    <div class="recent incidents">
      <h3>Just now</h3>
      {shown.length === 0 && <p class="quiet">Nothing went wrong yet.</p>}
      <ol data-incidents={side}>
        {shown.map(({ id, what, order }) => (
          <li key={id} class={`tone-${incidentWords[what].tone}`}>
            {order !== undefined && `order ${count(order)}: `}
            {incidentWords[what].text}
          </li>
        ))}
      </ol>
    </div>
  );
}

function Verdict({ side, state }: { side: CallerName; state: MessagesState }) {
  const { text, tone } = verdictWords(state.sides[side], state.orders);
  return (
    <p class={`verdict side-verdict tone-${tone}`} data-verdict={side}>
      {text}
    </p>
  );
}
