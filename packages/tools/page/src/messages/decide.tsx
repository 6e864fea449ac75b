import { useSignal } from "@preact/signals";
import { tell } from "../session.ts";
import { Confirm } from "../ui/confirm.tsx";
import { NoteFields, operator } from "../ui/note-fields.tsx";
import { chosen, loadMessages } from "./messages-state.ts";

/** The decisions about a parked message. Discarding asks first, since it can't be undone. */
export function Decide({ id }: { id: string }) {
  const isAsking = useSignal(false);
  const reason = useSignal("");
  const problem = useSignal<string | undefined>(undefined);
  const findMissing = (): string | undefined =>
    operator.value.trim() === "" || reason.value.trim() === "" ? "Say who does it, and why." : undefined;
  const decide = async (way: "retry" | "discard"): Promise<void> => {
    isAsking.value = false;
    problem.value = findMissing();
    if (problem.value !== undefined) return;
    try {
      await tell(`messages/${way}`, { id, author: operator.value, reason: reason.value });
      chosen.value = [];
    } catch (error) {
      problem.value = (error as Error).message;
    }
    await loadMessages();
  };
  return (
    <div class="settle">
      {problem.value !== undefined && (
        <p role="alert" class="problem">
          {problem.value}
        </p>
      )}
      <NoteFields reason={reason} />
      <fieldset>
        <legend>The cause is repaired</legend>
        <p>A relay publishes it, in its old place unless others have passed it.</p>
        <button type="button" onClick={() => void decide("retry")}>
          Publish it again
        </button>
      </fieldset>
      <fieldset>
        <legend>It must never be published</legend>
        <p>It is removed, and what it held up goes on. Your name, the time and the reason are stored.</p>
        <button
          type="button"
          class="danger"
          onClick={() => {
            problem.value = findMissing();
            isAsking.value = problem.value === undefined;
          }}
        >
          Discard it…
        </button>
      </fieldset>
      {isAsking.value && (
        <Confirm
          title="Remove it for good?"
          action="Discard"
          onConfirm={() => decide("discard")}
          onCancel={() => void (isAsking.value = false)}
        >
          <p>
            Nothing of <code>{id}</code> is ever published. This can't be undone.
          </p>
        </Confirm>
      )}
    </div>
  );
}
