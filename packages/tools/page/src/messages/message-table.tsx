import { useSignal } from "@preact/signals";
import type { MessageSummary } from "../../../src/admin/message-json.ts";
import { Pager } from "../ui/pager.tsx";
import { since } from "../ui/time-words.ts";
import { chosenId, loadMessages, open, page, trail } from "./messages-state.ts";

/** One page of parked messages, the oldest first. */
export function MessageTable() {
  const problem = useSignal<string | undefined>(undefined);
  const found = page.value;
  if (found === undefined) return <div class="card empty">Asking the outbox…</div>;
  const isEmpty = found.parked.length === 0;
  if (isEmpty && trail.value.length === 0) return <div class="card empty">No message is parked.</div>;
  const show = (id: string): Promise<unknown> =>
    open(id).then(
      () => (problem.value = undefined),
      (error: Error) => (problem.value = error.message),
    );
  return (
    <div class="card">
      <div class="scroll">
        <table>
          <caption class="quiet">
            {isEmpty ? "No more messages are parked." : "Parked messages, the oldest first; choose one to see it whole"}
          </caption>
          <thead>
            <tr>
              <th scope="col">Message</th>
              <th scope="col">Topic</th>
              <th scope="col">Ordering key</th>
              <th scope="col">Parked for</th>
              <th scope="col" class="number">
                Refusals
              </th>
              <th scope="col">The broker said</th>
            </tr>
          </thead>
          <tbody>
            {found.parked.map((row, index) => (
              <MessageRow key={`${row.id} ${index}`} row={row} show={show} />
            ))}
          </tbody>
        </table>
      </div>
      {problem.value !== undefined && (
        <p role="alert" class="bad">
          {problem.value}
        </p>
      )}
      <Pager label="Pages of messages" trail={trail} next={found.next} load={loadMessages} />
    </div>
  );
}

/** How much of what the broker said a row shows, characters. */
const refusalLengthMax = 80;

function MessageRow({ row, show }: { row: MessageSummary; show: (id: string) => unknown }) {
  const isChosen = chosenId.value === row.id;
  const { refusal } = row;
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <td class="mono name">
        <button type="button" class="link" aria-pressed={isChosen} onClick={() => void show(row.id)}>
          {row.id}
        </button>
      </td>
      <td class="mono name">{row.topic}</td>
      <td class="mono name">{row.orderingKey ?? "–"}</td>
      <td>{since(row.parkedAt)}</td>
      <td class="number">{row.refusals}</td>
      <td class="name">{refusal.length > refusalLengthMax ? `${refusal.slice(0, refusalLengthMax)}…` : refusal}</td>
    </tr>
  );
}
