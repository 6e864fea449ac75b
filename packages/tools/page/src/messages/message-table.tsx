import { useSignal } from "@preact/signals";
import type { MessageSummary } from "../../../src/admin/message-json.ts";
import { Pager } from "../ui/pager.tsx";
import { since, until } from "../ui/time-words.ts";
import { chosenId, loadMessages, open, page, trail } from "./messages-state.ts";

/** One page of messages that were tried and not confirmed, the oldest first. */
export function MessageTable() {
  const problem = useSignal<string | undefined>(undefined);
  const found = page.value;
  if (found === undefined) return <div class="card empty">Asking the outbox…</div>;
  const isEmpty = found.messages.length === 0;
  if (isEmpty && trail.value.length === 0)
    return <div class="card empty">Every message that was tried is confirmed.</div>;
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
            {isEmpty
              ? "No more messages."
              : "Messages that were not confirmed, the oldest first; choose one to see it whole"}
          </caption>
          <thead>
            <tr>
              <th scope="col">Message</th>
              <th scope="col">State</th>
              <th scope="col">Place</th>
              <th scope="col">Topic</th>
              <th scope="col">Ordering key</th>
              <th scope="col">Tried</th>
              <th scope="col" class="number">
                Refusals
              </th>
              <th scope="col">Its answer</th>
            </tr>
          </thead>
          <tbody>
            {found.messages.map((row, index) => (
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

/** The places that don't confirm, those with the most messages first. */
export function PlaceTable() {
  const places = page.value?.places ?? [];
  if (places.length === 0) return null;
  return (
    <div class="card">
      <div class="scroll">
        <table>
          <caption class="quiet">Places that don't confirm their messages. Others are not held up by them.</caption>
          <thead>
            <tr>
              <th scope="col">Place</th>
              <th scope="col">Not confirmed</th>
              <th scope="col">Untried</th>
              <th scope="col">Oldest</th>
              <th scope="col">Tried</th>
              <th scope="col">Its last answer</th>
            </tr>
          </thead>
          <tbody>
            {places.map(({ place, tried, untried, oldestAt, triedAt, refusal }) => (
              <tr key={place ?? ""}>
                <td class="mono name">{place ?? "–"}</td>
                <td>{tried} not confirmed</td>
                <td>{untried === null ? "–" : `${untried} untried`}</td>
                <td>{since(oldestAt)}</td>
                <td>{since(triedAt)} ago</td>
                <td class="name">{shortAnswer(refusal)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** How much of an answer a row shows, characters. */
const answerLengthMax = 80;

const shortAnswer = (answer: string): string =>
  answer.length > answerLengthMax ? `${answer.slice(0, answerLengthMax)}…` : answer;

const next = (dueAt: string): string => (Date.parse(dueAt) <= Date.now() ? "now" : until(dueAt));

function MessageRow({ row, show }: { row: MessageSummary; show: (id: string) => unknown }) {
  const isChosen = chosenId.value === row.id;
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <td class="mono name">
        <button type="button" class="link" aria-pressed={isChosen} onClick={() => void show(row.id)}>
          {row.id}
        </button>
      </td>
      <td>{row.dueAt === null ? "✕ parked" : `… tried again ${next(row.dueAt)}`}</td>
      <td class="mono name">{row.place ?? "–"}</td>
      <td class="mono name">{row.topic}</td>
      <td class="mono name">{row.orderingKey ?? "–"}</td>
      <td>{since(row.triedAt)} ago</td>
      <td class="number">{row.refusals}</td>
      <td class="name">{shortAnswer(row.refusal)}</td>
    </tr>
  );
}
