import { useSignal } from "@preact/signals";
import type { HeldKey } from "../../../src/admin/key-document.ts";
import type { OperatorAnswer, SettledKeys } from "../../../src/console/keys/keys-protocol.ts";
import type { OperatorNote } from "../../../src/console/operator-note.ts";
import { tell } from "../session.ts";
import { Confirm } from "../ui/confirm.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { releaseLine, resolveLine } from "./command-lines.ts";
import { NoteFields, operator } from "../ui/note-fields.tsx";
import { chosen, loadKeys, marked, open } from "./keys-state.ts";

const dayMs = 86_400_000;

const defaultAnswer: OperatorAnswer = {
  status: 201,
  contentType: "application/json",
  body: "",
  isEmpty: false,
  retentionMs: dayMs,
};

/** Statuses that have no body. */
const bodilessStatuses: readonly number[] = [204, 205, 304];

/** The first field that is missing before a key can be settled. The server checks all the rest. */
function findMissing(way: Way, note: OperatorNote, { status, body, isEmpty }: OperatorAnswer): string | undefined {
  if (note.author.trim() === "" || note.reason.trim() === "") return "Say who settles it, and why.";
  const needsBody = way === "resolve" && !isEmpty && !bodilessStatuses.includes(status);
  return needsBody && body === ""
    ? "Give the body that every repeat gets, or say that the answer has none."
    : undefined;
}

type Way = "resolve" | "release";

/** The two ways to settle held keys. Each asks first. */
export function Settle({ keys }: { keys: readonly HeldKey[] }) {
  const asking = useSignal<Way | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const answer = useSignal(defaultAnswer);
  const reason = useSignal("");
  const held = keys.map(({ scope, key, attempt }): HeldKey => ({ scope, key, attempt }));
  const note = (): OperatorNote => ({ author: operator.value, reason: reason.value });

  const settle = async (way: Way): Promise<void> => {
    asking.value = undefined;
    try {
      const body = { keys: held, ...note(), ...(way === "resolve" && answer.value) };
      const { left } = await tell<SettledKeys>(`keys/${way}`, body);
      problem.value = left.length === 0 ? undefined : `${left.length} are left: ${left[0]?.problem}`;
      marked.value = left.flatMap((one) => held.filter(({ scope, key }) => scope === one.scope && key === one.key));
      const [first] = held;
      if (chosen.value === undefined || first === undefined) return await loadKeys();
      if (way === "release" || held.length > 1) chosen.value = undefined;
      else await open(first);
    } catch (error) {
      problem.value = (error as Error).message;
    }
    await loadKeys();
  };
  const ask = (way: Way | undefined): void => {
    problem.value = way && findMissing(way, note(), answer.value);
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
        <CommandLine lines={held.map((key) => resolveLine(key, note(), answer.value))} />
      </fieldset>
      <fieldset>
        <legend>It did not happen</legend>
        <p>The next repeat runs it again. Be sure that its first worker is gone.</p>
        <button type="button" class="danger" onClick={() => ask("release")}>
          {held.length === 1 ? "Release the key…" : `Release ${held.length} keys…`}
        </button>
        <CommandLine lines={held.map((key) => releaseLine(key, note()))} />
      </fieldset>
      <Asked way={asking.value} keys={held} answer={answer.value} onConfirm={settle} onCancel={() => ask(undefined)} />
    </div>
  );
}

interface AskedProps {
  readonly way: Way | undefined;
  readonly keys: readonly HeldKey[];
  readonly answer: OperatorAnswer;
  readonly onConfirm: (way: Way) => unknown;
  readonly onCancel: () => unknown;
}

/** The question before a key is settled. */
function Asked({ way, keys, answer, onConfirm, onCancel }: AskedProps) {
  if (way === undefined) return null;
  const isResolved = way === "resolve";
  const name = keys.length === 1 ? <code>{keys[0]?.key}</code> : `each of ${keys.length} keys`;
  return (
    <Confirm
      title={isResolved ? "Settle as done?" : "Settle as not executed?"}
      action={isResolved ? "Resolve" : "Release"}
      onConfirm={() => onConfirm(way)}
      onCancel={onCancel}
    >
      {isResolved ? (
        <p>
          Every repeat of {name} gets HTTP {answer.status} with {answer.body.length} characters of body. This can't be
          undone.
        </p>
      ) : (
        <p>The next repeat of {name} runs it again. If it did happen, it happens twice.</p>
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

/** The same on the command line, one line a key. */
function CommandLine({ lines }: { lines: readonly string[] }) {
  const text = lines.join("\n");
  return (
    <details class="command">
      <summary>The same on the command line</summary>
      <pre tabIndex={0}>{text}</pre>
      <CopyButton text={text} label="Copy the command" />
    </details>
  );
}
