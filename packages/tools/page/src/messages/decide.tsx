import { useSignal } from "@preact/signals";
import { tell } from "../session.ts";
import { Confirm } from "../ui/confirm.tsx";
import { chosen, loadMessages } from "./messages-state.ts";

/** The decisions about a parked message. Discarding asks first, since it can't be undone. */
export function Decide({ id }: { id: string }) {
  const isAsking = useSignal(false);
  const problem = useSignal<string | undefined>(undefined);
  const decide = async (way: "retry" | "discard"): Promise<void> => {
    isAsking.value = false;
    try {
      await tell(`messages/${way}`, { id });
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
      <fieldset>
        <legend>The cause is repaired</legend>
        <p>A relay publishes it, in its old place unless others have passed it.</p>
        <button type="button" onClick={() => void decide("retry")}>
          Publish it again
        </button>
      </fieldset>
      <fieldset>
        <legend>It must never be published</legend>
        <p>It is removed, and what it held up goes on.</p>
        <button type="button" class="danger" onClick={() => void (isAsking.value = true)}>
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
