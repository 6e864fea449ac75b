import { useSignal } from "@preact/signals";
import type { HeldKey, KeySummary } from "../../../src/admin/key-document.ts";
import { mayChange } from "../session.ts";
import { chosen, key, label, loadKeys, marked, open, page, scope, stateFilter, trail } from "./keys-state.ts";
import { Pager } from "../ui/pager.tsx";
import { until } from "../ui/time-words.ts";
import { reasonWords, stateWords } from "./wording.ts";

/** One page of keys. */
export function KeyTable() {
  const problem = useSignal<string | undefined>(undefined);
  const found = page.value;
  if (found === undefined) return <div class="card empty">Asking the store…</div>;
  if (found.keys.length === 0) return <div class="card empty">{emptyText()}</div>;
  const show = (name: KeySummary): Promise<unknown> => {
    marked.value = [];
    return open(name).then(
      () => (problem.value = undefined),
      (error: Error) => (problem.value = error.message),
    );
  };
  const held = found.keys.filter(({ state }) => state === "held");
  const canMark = mayChange.value && held.length > 0;
  return (
    <div class="card">
      {canMark && <MarkAll held={held} />}
      <div class="scroll">
        <table>
          <caption class="quiet">
            {stateFilter.value === "held" ? "Held keys, the oldest first" : "Keys by scope and name"}; choose one to see
            it whole
          </caption>
          <thead>
            <tr>
              {canMark && <th scope="col">Mark</th>}
              <th scope="col">State</th>
              <th scope="col">Request</th>
              <th scope="col">Key</th>
              <th scope="col">Scope</th>
              <th scope="col">Lease ends</th>
              <th scope="col">Expires</th>
              <th scope="col" class="number">
                Attempt
              </th>
            </tr>
          </thead>
          <tbody>
            {found.keys.map((row) => (
              <KeyRow key={JSON.stringify([row.scope, row.key])} row={row} show={show} canMark={canMark} />
            ))}
          </tbody>
        </table>
      </div>
      {problem.value !== undefined && (
        <p role="alert" class="bad">
          {problem.value}
        </p>
      )}
      <Pager label="Pages of keys" trail={trail} next={page.value?.next ?? null} load={loadKeys} />
    </div>
  );
}

const isSame = (one: HeldKey, other: HeldKey): boolean => one.scope === other.scope && one.key === other.key;

const heldKey = ({ scope, key, attempt }: HeldKey): HeldKey => ({ scope, key, attempt });

function MarkAll({ held }: { held: readonly KeySummary[] }) {
  return (
    <button type="button" onClick={() => (marked.value = held.map(heldKey))}>
      Mark all {held.length} held keys of this page
    </button>
  );
}

interface RowProps {
  readonly row: KeySummary;
  readonly show: (name: KeySummary) => unknown;
  readonly canMark: boolean;
}

function KeyRow({ row, show, canMark }: RowProps) {
  const isChosen = chosen.value?.scope === row.scope && chosen.value.key === row.key;
  const isMarked = marked.value.some((one) => isSame(one, row));
  const mark = (): void => {
    const others = marked.value.filter((one) => !isSame(one, row));
    marked.value = isMarked ? others : [...others, heldKey(row)];
  };
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      {canMark && (
        <td>
          {row.state === "held" && (
            <input type="checkbox" checked={isMarked} aria-label={`Mark ${row.key}`} onInput={mark} />
          )}
        </td>
      )}
      <td>
        <StateBadge state={row.state} /> {row.state === "held" && reasonWords(row)}
      </td>
      <td class="name">{requestText(row)}</td>
      <td class="mono name">
        <button type="button" class="link" aria-pressed={isChosen} onClick={() => void show(row)}>
          {row.key}
        </button>
      </td>
      <td class="mono name">{row.scope}</td>
      <td>{row.state === "done" ? "–" : until(row.leaseUntil)}</td>
      <td class={row.state === "held" && row.expiresAt !== null ? "bad" : undefined}>
        {row.expiresAt === null ? "never" : until(row.expiresAt)}
      </td>
      <td class="number">{row.attempt}</td>
    </tr>
  );
}

function requestText({ details }: KeySummary): string {
  if (details === null) return "–";
  if (details.sealedWith !== null) return "sealed";
  return details.label ?? details.route ?? "–";
}

export function StateBadge({ state }: { state: KeySummary["state"] }) {
  const { sign, word } = stateWords[state];
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

function emptyText(): string {
  if (trail.value.length > 0) return "No more keys: those of this page have expired, or were settled.";
  if (label.value !== "") return "No key has that in its label. Labels that are sealed are not found.";
  if (scope.value !== "" || key.value !== "") return "No such keys. A key is found by the whole of it.";
  if (stateFilter.value === "held") return "No key is held. Choose “all states” to see the others.";
  return stateFilter.value === "" ? "No keys yet. A key appears here with its first request." : "No such keys.";
}
