import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { ChargeView } from "../../../src/lab/live/live-protocol.ts";
import { count, money } from "./words.ts";

interface LedgerProps {
  readonly caller: CallerName;
  /** The last ones. */
  readonly rows: readonly ChargeView[];
  /** How many there are. */
  readonly total: number;
  /** The name of the rows, and the note at a further one of the same order. */
  readonly words: { readonly rows: string; readonly repeat: string };
}

/** The last rows of a ledger, as its database has them. */
export function Ledger({ caller, rows, total, words }: LedgerProps) {
  return (
    <div class="ledger">
      <h3>In the ledger</h3>
      {rows.length === 0 ? (
        <p class="quiet">No {words.rows} yet.</p>
      ) : (
        <table data-ledger={caller}>
          <caption class="unseen">
            The last {rows.length} of {count(total)} {words.rows}
          </caption>
          <thead class="unseen">
            <tr>
              <th>Row</th>
              <th>Order</th>
              <th>Amount</th>
              <th>Remark</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ id, order, amount, currency, isRepeat }) => (
              <tr key={id}>
                <td class="quiet">row {count(id)}</td>
                <td>order {count(order)}</td>
                <td class="number">{money(amount, currency)}</td>
                <td>{isRepeat ? <span class="badge tone-bad">✗ {words.repeat}</span> : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
