import { type Signal, useSignal } from "@preact/signals";
import type { HeldKey, KeyDocument } from "../../../src/admin/key-document.ts";
import type { OperatorAnswer, OperatorNote } from "../../../src/console/keys/keys-protocol.ts";
import { tell } from "../session.ts";
import { Confirm } from "../ui/confirm.tsx";
import { chosen, loadKeys, open, operator } from "./keys-state.ts";

const dayMs = 86_400_000;

const defaultAnswer: OperatorAnswer = {
  status: 201,
  contentType: "application/json",
  body: "",
  isEmpty: false,
  retentionMs: dayMs,
};

/** Statuses whose responses have no body. */
const bodilessStatuses: readonly number[] = [204, 205, 304];

/** What is still missing before a key can be settled. The server checks all the rest. */
function findMissing(way: Way, note: OperatorNote, { status, body, isEmpty }: OperatorAnswer): string | undefined {
  if (note.author.trim() === "" || note.reason.trim() === "") return "Say who settles it, and why.";
  const needsBody = way === "resolve" && !isEmpty && !bodilessStatuses.includes(status);
  return needsBody && body === ""
    ? "Give the body that every repeat gets, or say that the answer has none."
    : undefined;
}

type Way = "resolve" | "release";

/** The two ways to settle a held key. Each asks first. */
export function Settle({ found }: { found: KeyDocument }) {
  const asking = useSignal<Way | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const answer = useSignal(defaultAnswer);
  const reason = useSignal("");
  const held: HeldKey = { scope: found.scope, key: found.key, attempt: found.attempt };

  const settle = async (way: Way): Promise<void> => {
    asking.value = undefined;
    try {
      const note = { author: operator.value, reason: reason.value };
      await tell(`keys/${way}`, way === "resolve" ? { ...held, ...note, ...answer.value } : { ...held, ...note });
      if (way === "release") chosen.value = undefined;
      else await open(held);
    } catch (error) {
      problem.value = (error as Error).message;
    }
    await loadKeys();
  };
  const ask = (way: Way | undefined): void => {
    problem.value = way && findMissing(way, { author: operator.value, reason: reason.value }, answer.value);
    asking.value = problem.value === undefined ? way : undefined;
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
        <legend>It happened</legend>
        <p>
          Every repeat gets the answer that you give here. Of a function's call, the body is the result, with status
          200. Repeats of a message are acknowledged. Your name, the time and the reason are stored with it.
        </p>
        <AnswerFields answer={answer.value} change={(part) => void (answer.value = { ...answer.value, ...part })} />
        <button type="button" onClick={() => ask("resolve")}>
          Resolve with this answer…
        </button>
      </fieldset>
      <fieldset>
        <legend>It did not happen</legend>
        <p>The next repeat runs it again. Be sure that its first worker is gone.</p>
        <button type="button" class="danger" onClick={() => ask("release")}>
          Release the key…
        </button>
      </fieldset>
      <Asked
        way={asking.value}
        name={found.key}
        answer={answer.value}
        onConfirm={settle}
        onCancel={() => ask(undefined)}
      />
    </div>
  );
}

/** Who settles the key, and why. */
function NoteFields({ reason }: { reason: Signal<string> }) {
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

interface AskedProps {
  readonly way: Way | undefined;
  readonly name: string;
  readonly answer: OperatorAnswer;
  readonly onConfirm: (way: Way) => unknown;
  readonly onCancel: () => unknown;
}

/** The question before a key is settled. */
function Asked({ way, name, answer, onConfirm, onCancel }: AskedProps) {
  if (way === undefined) return null;
  const isResolved = way === "resolve";
  return (
    <Confirm
      title={isResolved ? "Settle it as done?" : "Settle it as not executed?"}
      action={isResolved ? "Resolve" : "Release"}
      onConfirm={() => onConfirm(way)}
      onCancel={onCancel}
    >
      {isResolved ? (
        <p>
          Every repeat of <code>{name}</code> gets HTTP {answer.status} with {answer.body.length} characters of body.
          This can't be undone.
        </p>
      ) : (
        <p>
          The next repeat of <code>{name}</code> runs it again. If it did happen, it happens twice.
        </p>
      )}
    </Confirm>
  );
}

function AnswerFields({ answer, change }: { answer: OperatorAnswer; change: (part: Partial<OperatorAnswer>) => void }) {
  return (
    <>
      <div class="row">
        <label>
          Status
          <input
            type="number"
            min={200}
            max={599}
            value={answer.status}
            onInput={(event) => change({ status: event.currentTarget.valueAsNumber })}
          />
        </label>
        <label>
          Content type
          <input value={answer.contentType} onInput={(event) => change({ contentType: event.currentTarget.value })} />
        </label>
        <label>
          Stored for, days
          <input
            type="number"
            min={1}
            value={answer.retentionMs / dayMs}
            onInput={(event) => change({ retentionMs: event.currentTarget.valueAsNumber * dayMs })}
          />
        </label>
      </div>
      <label>
        Body
        <textarea
          rows={4}
          class="mono"
          value={answer.body}
          onInput={(event) => change({ body: event.currentTarget.value })}
        />
      </label>
      <label class="row">
        <input
          type="checkbox"
          checked={answer.isEmpty}
          onInput={(event) => change({ isEmpty: event.currentTarget.checked })}
        />
        The answer has no body
      </label>
    </>
  );
}
