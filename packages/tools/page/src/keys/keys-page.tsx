import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { mayChange } from "../session.ts";
import { Problem } from "../ui/problem.tsx";
import { KeyDetail } from "./key-detail.tsx";
import { KeyTable } from "./key-table.tsx";
import {
  chosen,
  follow,
  isSearching,
  key,
  label,
  listProblem,
  loadKeys,
  marked,
  scope,
  search,
  type StateFilter,
  stateFilter,
} from "./keys-state.ts";
import "../ui/records.css";
import { Settle } from "./settle.tsx";
import { StoreLatency, StoreTiles } from "./store-health.tsx";
import { guide } from "./wording.ts";

/** The keys of a store: find one, look into it, settle those that are held. */
export function KeysPage() {
  useEffect(() => {
    // `#keys/held`: another page leads here.
    const [, state] = location.hash.split("/");
    const found = states.find(([, value]) => value !== "" && value === state);
    void (found === undefined ? loadKeys() : search({ scope: "", key: "", label: "", state: found[1] }));
    return follow();
  }, []);
  return (
    <>
      <h1>Keys</h1>
      <StoreTiles />
      <Filters />
      {listProblem.value !== undefined && <Problem text={listProblem.value} retry={loadKeys} />}
      <p role="status" class="quiet">
        {isSearching.value && "The store has no index for this, and looks at each key…"}
      </p>
      <div class={chosen.value || marked.value.length > 0 ? "keys with-detail" : "keys"}>
        <KeyTable />
        {marked.value.length > 0 ? <Marked /> : chosen.value && <KeyDetail found={chosen.value} />}
      </div>
      <StoreLatency />
      <p class="lead">
        Each key names one operation of one caller. The worker of a <em>held</em> key ended without a result: the
        operation may or may not have happened, and a person has to find out which.{" "}
        <a href={guide}>How to settle held keys</a>. All times are UTC.
      </p>
    </>
  );
}

const states: readonly (readonly [text: string, StateFilter])[] = [
  ["held, oldest first", "held"],
  ["all states", ""],
  ["running", "running"],
  ["done", "done"],
];

/** The marked keys, which are settled in the same way. */
function Marked() {
  const count = marked.value.length;
  if (!mayChange.value) return null;
  return (
    <section class="card detail" aria-labelledby="marked-title">
      <div class="row">
        <h2 id="marked-title">{count === 1 ? "1 key is marked" : `${count} keys are marked`}</h2>
        <button type="button" onClick={() => (marked.value = [])}>
          Unmark
        </button>
      </div>
      <Settle keys={marked.value} />
    </section>
  );
}

function Filters() {
  const draft = useSignal({ key: key.value, label: label.value });
  const submit = (event: Event): void => {
    event.preventDefault();
    const wanted = { key: draft.value.key.trim(), label: draft.value.label.trim() };
    // A key that is looked for may be in any state.
    void search({ ...wanted, ...((wanted.key !== "" || wanted.label !== "") && { state: "" }) });
  };
  return (
    <form class="row filters" role="search" onSubmit={submit}>
      <label>
        Key
        <input
          value={draft.value.key}
          placeholder="whole"
          onInput={(event) => (draft.value = { ...draft.value, key: event.currentTarget.value })}
        />
      </label>
      <label>
        Label
        <input
          value={draft.value.label}
          placeholder="a part, as order 4711"
          onInput={(event) => (draft.value = { ...draft.value, label: event.currentTarget.value })}
        />
      </label>
      <button type="submit">Find</button>
      <label>
        Scope
        <input
          value={scope.value}
          placeholder="any; or how it begins"
          onInput={(event) => void search({ scope: event.currentTarget.value })}
        />
      </label>
      <label>
        State
        <select
          value={stateFilter.value}
          onChange={(event) => void search({ state: event.currentTarget.value as StateFilter })}
        >
          {states.map(([text, value]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
    </form>
  );
}
