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
import { guide, stateWords } from "./wording.ts";
import { CopyButton } from "../ui/copy-button.tsx";
import { utc } from "../ui/time-words.ts";

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
        <CopyButton text={found.key} label="Copy the key" />
        <button type="button" onClick={() => (chosen.value = undefined)}>
          Close
        </button>
      </div>
      <p>
        <StateBadge state={found.state} /> {stateWords[found.state].meaning}
        {found.heldReason !== null && ` ${found.heldReason}`}
        {found.aheadMs !== null &&
          " The store's clock was ahead when it was claimed or settled, and was set back."}{" "}
        {found.state === "held" && <a href={guide}>What to do</a>}
      </p>
      {found.state === "held" && found.expiresAt !== null && (
        <p role="alert" class="problem">
          It is forgotten {until(found.expiresAt)}: after that the next repeat runs the operation again.
        </p>
      )}
      {found.details !== null && <Details details={found.details} />}
      {found.state === "held" &&
        (mayChange.value ? (
          <Settle key={`${found.key} ${found.attempt}`} keys={[found]} />
        ) : (
          <TokenNote to="settle it" />
        ))}
      <dl>
        <Field name="Scope" value={found.scope} />
        <Field name="Attempt" value={`${found.attempt}`} />
        <Field name="Created" value={`${utc(found.createdAt)} (${since(found.createdAt)} ago)`} />
        {found.state !== "done" && (
          <Field name="Lease ends" value={`${utc(found.leaseUntil)} (${until(found.leaseUntil)})`} />
        )}
        <Field
          name="Expires"
          value={
            found.expiresAt === null
              ? "never, until it has a result"
              : `${utc(found.expiresAt)} (${until(found.expiresAt)})`
          }
        />
        {found.settled !== null && (
          <Field name="Settled" value={`${utc(found.settledAt ?? "")} ${settlementText(found.settled)}`} />
        )}
        {found.releases.map(({ releasedAt, author, reason, isKnown }) => (
          <Field
            key={releasedAt}
            name={isKnown ? "Released" : "Released, or not"}
            value={`${utc(releasedAt)} by ${author}: ${reason}`}
          />
        ))}
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

/** The facts that the route stored. */
function Details({ details }: { details: NonNullable<KeyDocument["details"]> }) {
  const { label, route, worker, traceId, sealedWith } = details;
  if (sealedWith !== null) {
    return (
      <p>
        The details are sealed with the key “{sealedWith}”. <code>once-again keys show --seal-key</code> opens it.
      </p>
    );
  }
  const facts = { Label: label, Route: route, Worker: worker, Trace: traceId };
  return (
    <dl>
      {Object.entries(facts).map(([name, value]) => value !== null && <Field key={name} name={name} value={value} />)}
    </dl>
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
          <p>{value.begun ? "Begun, and it is unknown whether it happened." : "Done."}</p>
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
    case "broken":
      return (
        <>
          <h3>{title}</h3>
          <p>
            <code>{value.code}</code>: {value.problem}
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
