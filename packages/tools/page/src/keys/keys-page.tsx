import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Problem } from "../ui/problem.tsx";
import { KeyDetail } from "./key-detail.tsx";
import { KeyTable } from "./key-table.tsx";
import {
  chosen,
  follow,
  listProblem,
  loadKeys,
  open,
  scope,
  search,
  type StateFilter,
  stateFilter,
} from "./keys-state.ts";
import "../ui/records.css";
import { StoreHealth } from "./store-health.tsx";

/** The keys of a store: find one, look into it, settle one that is held. */
export function KeysPage() {
  useEffect(() => {
    // `#keys/abandoned`: another page leads here.
    const [, state] = location.hash.split("/");
    const found = states.find(([value]) => value !== "" && value === state);
    void (found === undefined ? loadKeys() : search({ scope: "", state: found[0] }));
    return follow();
  }, []);
  return (
    <>
      <h1>Keys</h1>
      <p class="lead">
        Each key names one operation of one caller. A key that is <em>held</em> belongs to a worker that ended without a
        word: it may or may not have happened, and a person has to say which.
      </p>
      <StoreHealth />
      <Filters />
      {listProblem.value !== undefined && <Problem text={listProblem.value} retry={loadKeys} />}
      <div class={chosen.value ? "keys with-detail" : "keys"}>
        <KeyTable />
        {chosen.value && <KeyDetail found={chosen.value} />}
      </div>
    </>
  );
}

const states: readonly (readonly [StateFilter, string])[] = [
  ["", "all states"],
  ["abandoned", "held"],
  ["running", "running"],
  ["done", "done"],
];

function Filters() {
  const key = useSignal("");
  const problem = useSignal<string | undefined>(undefined);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    problem.value = undefined;
    if (key.value === "") return search({});
    if (scope.value === "") {
      problem.value = "A key is found in its scope: give the scope too.";
      return;
    }
    await open({ scope: scope.value, key: key.value }).catch((error: Error) => (problem.value = error.message));
  };
  return (
    <form class="row filters" role="search" onSubmit={(event) => void submit(event)}>
      <label>
        Scope
        <input
          value={scope.value}
          placeholder="any; or whole, as acme"
          onInput={(event) => void search({ scope: event.currentTarget.value })}
        />
      </label>
      <label>
        Key
        <input value={key.value} placeholder="whole" onInput={(event) => (key.value = event.currentTarget.value)} />
      </label>
      <label>
        State
        <select
          value={stateFilter.value}
          onChange={(event) => void search({ state: event.currentTarget.value as StateFilter })}
        >
          {states.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Find</button>
      {problem.value !== undefined && (
        <span role="alert" class="bad">
          {problem.value}
        </span>
      )}
    </form>
  );
}
