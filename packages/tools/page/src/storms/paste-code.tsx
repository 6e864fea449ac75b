import { useSignal } from "@preact/signals";
import { suggestedPolicy } from "./storm-form.ts";
import { form, results } from "./storms-state.ts";

/** A policy as code, to be pasted into a program. */
export function PasteCode() {
  const chosen = useSignal<string | undefined>(undefined);
  const copied = useSignal(false);
  const shown = results.value;
  const named = (wanted: string | undefined) => shown.find(({ name }) => name === wanted);
  const result = named(chosen.value) ?? named(suggestedPolicy(form.value)) ?? shown.at(-1)!;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(result.code);
    copied.value = true;
  };
  const choose = (name: string): void => {
    chosen.value = name;
    copied.value = false;
  };
  return (
    <section class="card code" aria-labelledby="code-title">
      <div class="row">
        <h2 id="code-title">In your code</h2>
        <label>
          Policy{" "}
          <select value={result.name} onChange={(event) => choose(event.currentTarget.value)}>
            {shown.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <span role="status">{copied.value ? "Copied." : ""}</span>
      </div>
      <pre tabIndex={0}>{result.code}</pre>
    </section>
  );
}
