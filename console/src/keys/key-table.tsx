import { useSignal } from "@preact/signals";
import type { KeySummary } from "../../../src/console/keys/keys-protocol.ts";
import { chosen, found, loadKeys, open, page, scope, search, stateFilter, streamProblem, trail } from "./keys-state.ts";
import { since, stateWords, until } from "./wording.ts";

/** One page of keys, in the order of scope and key; or those that a search found. */
export function KeyTable() {
  const problem = useSignal<string | undefined>(undefined);
  const rows = found.value?.keys ?? page.value?.keys;
  if (rows === undefined) return <div class="card empty">{streamProblem.value ?? "Asking the store…"}</div>;
  if (rows.length === 0) return <div class="card empty">{emptyText()}</div>;
  const show = (name: KeySummary): Promise<unknown> =>
    open(name).then(
      () => (problem.value = undefined),
      (error: Error) => (problem.value = error.message),
    );
  return (
    <div class="card">
      <div class="scroll">
        <table class="stacked">
          <caption class="quiet">{captionText()}</caption>
          <thead>
            <tr>
              {columns.map((name) => (
                <th key={name} scope="col" class={name === "Attempt" ? "number" : undefined}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <KeyRow key={JSON.stringify([row.scope, row.key])} row={row} show={show} />
            ))}
          </tbody>
        </table>
      </div>
      {problem.value !== undefined && (
        <p role="alert" class="bad">
          {problem.value}
        </p>
      )}
      {found.value === undefined ? (
        <Pager />
      ) : (
        <nav class="row pager">
          <button type="button" onClick={() => void search({})}>
            All keys
          </button>
        </nav>
      )}
    </div>
  );
}

const columns = ["State", "Scope", "Key", "Attempt", "Age", "Lease ends", "Expires"] as const;

function KeyRow({ row, show }: { row: KeySummary; show: (name: KeySummary) => unknown }) {
  const isChosen = chosen.value?.scope === row.scope && chosen.value.key === row.key;
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <td data-label="State">
        <StateBadge state={row.state} />
      </td>
      <td class="mono name" data-label="Scope">
        {row.scope}
      </td>
      <td class="mono name" data-label="Key">
        <button type="button" class="link" aria-pressed={isChosen} onClick={() => void show(row)}>
          {row.key}
        </button>
      </td>
      <td class="number" data-label="Attempt">
        {row.attempt}
      </td>
      <td data-label="Age">{since(row.createdAt)}</td>
      <td data-label="Lease ends">{row.state === "done" ? "–" : until(row.leaseUntil)}</td>
      <td data-label="Expires">{until(row.expiresAt)}</td>
    </tr>
  );
}

export function StateBadge({ state }: { state: KeySummary["state"] }) {
  const { sign, word } = stateWords[state];
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

function Pager() {
  const next = page.value?.next ?? null;
  const go = (names: typeof trail.value): void => {
    trail.value = names;
    void loadKeys();
  };
  if (next === null && trail.value.length === 0) return null;
  return (
    <nav class="row pager" aria-label="Pages of keys">
      <button type="button" disabled={trail.value.length === 0} onClick={() => go(trail.value.slice(0, -1))}>
        Previous
      </button>
      <span>Page {trail.value.length + 1}</span>
      <button type="button" disabled={next === null} onClick={() => next && go([...trail.value, next])}>
        Next
      </button>
    </nav>
  );
}

function captionText(): string {
  if (found.value === undefined) return "Keys by scope and name; choose one to look into it";
  return found.value.isWhole
    ? "Keys whose name begins with this"
    : `Those that begin with this among the first ${found.value.looked} keys. With the scope, fewer are looked at.`;
}

function emptyText(): string {
  if (streamProblem.value !== undefined) return streamProblem.value;
  if (found.value !== undefined) {
    return found.value.isWhole
      ? "No key begins with this."
      : `No key begins with this among the first ${found.value.looked}. Give its scope, and fewer are looked at.`;
  }
  if (trail.value.length > 0) return "No more keys: those of this page have expired meanwhile.";
  if (scope.value === "" && stateFilter.value === "") return "No keys yet. A key appears here with its first request.";
  const state = stateFilter.value === "" ? "" : `${stateWords[stateFilter.value].word} `;
  if (scope.value === "") return `No ${state}keys.`;
  return `No ${state}keys in the scope “${scope.value}”. It has to be given whole.`;
}
