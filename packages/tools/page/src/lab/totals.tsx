import type { CallerName } from "../../../src/lab/caller-name.ts";
import { count, type Tone } from "./words.ts";

/** A figure that rises. */
export interface Total {
  readonly name: string;
  readonly label: string;
  readonly value: number;
  /** Of how many, if not 0. */
  readonly of?: number;
  /** Whether anything but 0 is wrong. */
  readonly isFault?: true;
}

interface TotalsProps {
  readonly caller: CallerName;
  readonly totals: readonly Total[];
  /** Whether there is something to judge by. */
  readonly isBegun: boolean;
}

/** A side's running totals. */
export function Totals({ caller, totals, isBegun }: TotalsProps) {
  return (
    <dl class="totals" data-totals={caller}>
      {totals.map(({ name, label, value, of = 0, isFault = false }) => {
        const tone = toneOf(value, isFault, isBegun);
        return (
          <div key={name} class={`total tone-${tone}`}>
            <dt>{label}</dt>
            <dd data-total={name}>
              {tone === "bad" && <span aria-hidden="true">✗ </span>}
              {tone === "good" && <span aria-hidden="true">✓ </span>}
              <span class="value">{count(value)}</span>
              {of > 0 && <small> of {count(of)}</small>}
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
