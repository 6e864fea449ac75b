import { useSignal } from "@preact/signals";
import type { KeySummary } from "../../../src/admin/key-document.ts";
import { chosen, loadKeys, open, page, scope, stateFilter, trail } from "./keys-state.ts";
import { Pager } from "../ui/pager.tsx";
import { since, until } from "../ui/time-words.ts";
import { stateWords } from "./wording.ts";

/** One page of keys, in the order of scope and key. */
export function KeyTable() {
  const problem = useSignal<string | undefined>(undefined);
  const found = page.value;
  if (found === undefined) return <div class="card empty">Asking the store…</div>;
  if (found.keys.length === 0) return <div class="card empty">{emptyText()}</div>;
  const show = (name: KeySummary): Promise<unknown> =>
    open(name).then(
      () => (problem.value = undefined),
      (error: Error) => (problem.value = error.message),
    );
  return (
    <div class="card">
      <div class="scroll">
        <table>
          <caption class="quiet">Keys by scope and name; choose one to see it whole</caption>
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Scope</th>
              <th scope="col">Key</th>
              <th scope="col" class="number">
                Attempt
              </th>
              <th scope="col">Age</th>
              <th scope="col">Lease ends</th>
              <th scope="col">Expires</th>
            </tr>
          </thead>
          <tbody>
            {found.keys.map((row) => (
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
      <Pager label="Pages of keys" trail={trail} next={page.value?.next ?? null} load={loadKeys} />
    </div>
  );
}

function KeyRow({ row, show }: { row: KeySummary; show: (name: KeySummary) => unknown }) {
  const isChosen = chosen.value?.scope === row.scope && chosen.value.key === row.key;
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <td>
        <StateBadge state={row.state} />
      </td>
      <td class="mono name">{row.scope}</td>
      <td class="mono name">
        <button type="button" class="link" aria-pressed={isChosen} onClick={() => void show(row)}>
          {row.key}
        </button>
      </td>
      <td class="number">{row.attempt}</td>
      <td>{since(row.createdAt)}</td>
      <td>{row.state === "done" ? "–" : until(row.leaseUntil)}</td>
      <td>{row.expiresAt === null ? "never" : until(row.expiresAt)}</td>
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

function emptyText(): string {
  if (trail.value.length > 0) return "No more keys: those of this page have expired.";
  if (scope.value === "" && stateFilter.value === "") return "No keys yet. A key appears here with its first request.";
  return "No such keys. Give the whole scope.";
}
