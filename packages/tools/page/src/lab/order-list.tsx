import { useEffect, useState } from "preact/hooks";
import type { LiveState, OrderFilter, OrderPage, OrderSide } from "../../../src/lab/live/live-protocol.ts";
import { read } from "../session.ts";
import { AttemptPicture } from "./attempt-mark.tsx";
import { count, money, verdictOf } from "./words.ts";

const filters: readonly (readonly [OrderFilter, string])[] = [
  ["all", "Latest"],
  ["charged-twice", "Charged too often"],
  ["lost", "Lost"],
  ["in-doubt", "In doubt"],
  ["replayed", "Answered from memory"],
];

/** How often the list is asked for while orders move, milliseconds. */
const refreshMs = 1000;

/** The story of each order, with both callers. Of 100,000 a page at a time. */
export function OrderList({ state }: { state: LiveState }) {
  const [show, setShow] = useState<OrderFilter>("all");
  const [before, setBefore] = useState<number | undefined>(undefined);
  const page = useOrders(show, before, state);
  const choose = (filter: OrderFilter): void => {
    setShow(filter);
    setBefore(undefined);
  };
  return (
    <section class="card orders" aria-labelledby="orders-title">
      <h2 id="orders-title">Order by order</h2>
      <div class="row choices" role="group" aria-label="Which orders">
        {filters.map(([filter, label]) => (
          <button key={filter} type="button" aria-pressed={filter === show} onClick={() => choose(filter)}>
            {label}
          </button>
        ))}
        <span class="quiet">
          {page !== undefined && `${count(page.total)} ${page.total === 1 ? "order" : "orders"}`}
        </span>
      </div>
      {page === undefined || page.rows.length === 0 ? (
        <p class="empty">{state.orders === 0 ? "Start a run to see its orders here." : "None so far."}</p>
      ) : (
        <Rows page={page} />
      )}
      <div class="row">
        {before !== undefined && (
          <button type="button" onClick={() => setBefore(undefined)}>
            Back to the latest
          </button>
        )}
        {page?.next !== undefined && (
          <button type="button" onClick={() => setBefore(page.next)}>
            Earlier ones
          </button>
        )}
      </div>
    </section>
  );
}

function Rows({ page }: { page: OrderPage }) {
  return (
    <table class="order-rows">
      <thead>
        <tr>
          <th>Order</th>
          <th>Careless caller</th>
          <th>Safe caller</th>
        </tr>
      </thead>
      <tbody>
        {page.rows.map(({ order, id, amount, currency, careless, safe }) => (
          <tr key={order} data-order={order}>
            <th scope="row" title={id}>
              {count(order)} <span class="quiet">{money(amount, currency)}</span>
            </th>
            <Cell name="Careless" side={careless} />
            <Cell name="Safe" side={safe} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Cell({ name, side }: { name: string; side: OrderSide }) {
  const { text, tone } = verdictOf(side);
  const unseen = side.attempts - side.marks.length;
  return (
    <td data-caller={name}>
      <span class="marks">
        {unseen > 0 && <span class="quiet">{unseen} more, then </span>}
        {side.marks.map((mark, index) => (
          <AttemptPicture key={index} mark={mark} />
        ))}
      </span>
      {side.attempts > 0 && <span class={`verdict tone-${tone}`}>{text}</span>}
    </td>
  );
}

/** The list, asked for again while a run moves, and once more when it is over. */
function useOrders(show: OrderFilter, before: number | undefined, { run, phase, orders }: LiveState) {
  const [page, setPage] = useState<OrderPage | undefined>(undefined);
  useEffect(() => {
    const gone = new AbortController();
    const query = `lab/orders?show=${show}${before === undefined ? "" : `&before=${before}`}`;
    const ask = async (): Promise<void> => {
      // When the console is gone, the stream says so.
      const answer = await read<OrderPage>(query, gone.signal).catch(() => undefined);
      if (answer !== undefined && !gone.signal.aborted) setPage(answer);
    };
    void ask();
    const isMoving = phase === "running" || phase === "paused" || phase === "starting";
    const timer = isMoving ? setInterval(() => void ask(), refreshMs) : undefined;
    return () => {
      gone.abort();
      clearInterval(timer);
    };
  }, [show, before, run, phase, orders]);
  return page;
}
