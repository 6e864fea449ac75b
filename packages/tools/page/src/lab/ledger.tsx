import type { CallerName } from "../../../src/lab/caller-name.ts";
import type { ChargeView } from "../../../src/lab/live/live-protocol.ts";
import { count, money } from "./words.ts";

/** The last charges, as the API's database has them. */
export function Ledger({
  caller,
  rows,
  charges,
}: {
  caller: CallerName;
  rows: readonly ChargeView[];
  charges: number;
}) {
  return (
    <div class="ledger">
      <h3>In the ledger</h3>
      {rows.length === 0 ? (
        <p class="quiet">No charges yet.</p>
      ) : (
        <table data-ledger={caller}>
          <caption class="unseen">
            The last {rows.length} of {count(charges)} charges
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
                <td>{isRepeat ? <span class="badge tone-bad">✗ charged again</span> : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
