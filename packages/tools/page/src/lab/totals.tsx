import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { LiveTotals } from "../../../src/lab/live/live-protocol.ts";
import { count, type Tone } from "./words.ts";

interface Total {
  readonly name: keyof LiveTotals;
  readonly label: string;
  /** Whether anything but 0 is wrong. */
  readonly isFault?: true;
}

const shown: readonly Total[] = [
  { name: "confirmed", label: "Confirmed" },
  { name: "charges", label: "Charges" },
  { name: "duplicates", label: "Charged too often", isFault: true },
  { name: "lost", label: "Lost", isFault: true },
  { name: "inDoubt", label: "In doubt", isFault: true },
];

/** A caller's running totals. */
export function Totals({ caller, totals, orders }: { caller: CallerName; totals: LiveTotals; orders: number }) {
  return (
    <dl class="totals" data-totals={caller}>
      {shown.map(({ name, label, isFault = false }) => {
        const value = totals[name];
        const tone = toneOf(value, isFault, totals.settled > 0);
        return (
          <div key={name} class={`total tone-${tone}`}>
            <dt>{label}</dt>
            <dd data-total={name}>
              {tone === "bad" && <span aria-hidden="true">✗ </span>}
              {tone === "good" && <span aria-hidden="true">✓ </span>}
              <span class="value">{count(value)}</span>
              {name === "confirmed" && orders > 0 && <small> of {count(orders)}</small>}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function toneOf(value: number, isFault: boolean, isBegun: boolean): Tone {
  if (!isFault || !isBegun) return value > 0 && isFault ? "bad" : "plain";
  return value > 0 ? "bad" : "good";
}
