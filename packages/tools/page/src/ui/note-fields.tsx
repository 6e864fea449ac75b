import { type Signal, signal } from "@preact/signals";

/** The name under which a person changes something, as long as the page is open. */
export const operator = signal("");

/** Who changes something, and why. */
export function NoteFields({ reason }: { reason: Signal<string> }) {
  return (
    <div class="row">
      <label>
        Your name
        <input value={operator.value} onInput={(event) => (operator.value = event.currentTarget.value)} />
      </label>
      <label>
        Reason
        <input
          value={reason.value}
          placeholder="what you know, and from where"
          onInput={(event) => (reason.value = event.currentTarget.value)}
        />
      </label>
    </div>
  );
}
