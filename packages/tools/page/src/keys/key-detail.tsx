import { useEffect, useRef } from "preact/hooks";
import type { KeyDocument, ValueDocument } from "../../../src/admin/key-document.ts";
import { mayChange } from "../session.ts";
import { chosen } from "./keys-state.ts";
import { StateBadge } from "./key-table.tsx";
import { Settle } from "./settle.tsx";
import { Bytes } from "../ui/bytes.tsx";
import { Field } from "../ui/field.tsx";
import { TokenNote } from "../ui/token-note.tsx";
import { since, until } from "../ui/time-words.ts";
import { stateWords } from "./wording.ts";

/** One key, whole. */
export function KeyDetail({ found }: { found: KeyDocument }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [found.scope, found.key]);
  return (
    <section class="card detail" aria-labelledby="detail-title">
      <div class="row">
        <h2 id="detail-title" class="mono name" tabIndex={-1} ref={heading}>
          {found.key}
        </h2>
        <button type="button" onClick={() => (chosen.value = undefined)}>
          Close
        </button>
      </div>
      <p>
        <StateBadge state={found.state} /> {stateWords[found.state].meaning}
      </p>
      {found.state === "abandoned" &&
        (mayChange.value ? (
          <Settle key={`${found.key} ${found.attempt}`} found={found} />
        ) : (
          <TokenNote to="settle it" />
        ))}
      <dl>
        <Field name="Scope" value={found.scope} />
        <Field name="Attempt" value={`${found.attempt}`} />
        <Field name="Created" value={`${found.createdAt} (${since(found.createdAt)} ago)`} />
        {found.state !== "done" && (
          <Field name="Lease ends" value={`${found.leaseUntil} (${until(found.leaseUntil)})`} />
        )}
        <Field
          name="Expires"
          value={
            found.expiresAt === null ? "never, until it has a result" : `${found.expiresAt} (${until(found.expiresAt)})`
          }
        />
        {found.settled !== null && (
          <Field name="Settled" value={`${found.settledAt} ${settlementText(found.settled)}`} />
        )}
        <Field name="Request" value={`SHA-256 ${found.fingerprint}`} />
        {found.owner !== "" && <Field name="Owner" value={found.owner} />}
      </dl>
      {found.steps.map((step) => (
        <StoredValue key={step.place} title={`Step ${step.place}`} value={step} />
      ))}
      {found.result && <StoredValue title="Stored answer" value={found.result} />}
    </section>
  );
}

function settlementText({ author, reason, sealedWith }: NonNullable<KeyDocument["settled"]>): string {
  if (sealedWith !== null) return `by whom is sealed with the key “${sealedWith}”`;
  return author === null ? "by a person who left no note" : `by ${author}: ${reason}`;
}

function StoredValue({ title, value }: { title: string; value: ValueDocument }) {
  switch (value.kind) {
    case "answer":
      return (
        <>
          <h3>
            {title}: HTTP {value.status}
          </h3>
          <pre tabIndex={0}>{value.headers.map(([name, text]) => `${name}: ${text}\n`).join("")}</pre>
          <Bytes base64={value.bodyBase64} command="once-again keys show --json" />
        </>
      );
    case "step":
      return (
        <>
          <h3>
            {title}: {value.name}
          </h3>
          <p>{value.begun ? "Begun, and nobody knows whether it happened." : "Done."}</p>
          {value.value !== undefined && <pre tabIndex={0}>{JSON.stringify(value.value, undefined, 2)}</pre>}
        </>
      );
    case "sealed":
      return (
        <>
          <h3>{title}</h3>
          <p>
            Sealed with the key “{value.keyId}”. <code>once-again keys show --seal-key</code> opens it.
          </p>
        </>
      );
    case "bytes":
      return (
        <>
          <h3>{title}</h3>
          <Bytes base64={value.base64} command="once-again keys show --json" />
        </>
      );
  }
}
