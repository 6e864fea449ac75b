import { useEffect, useRef } from "preact/hooks";
import type { KeptDocument, KeyDocument } from "../../../src/admin/keys-protocol.ts";
import { chosen } from "./keys-state.ts";
import { StateBadge } from "./key-table.tsx";
import { Settle } from "./settle.tsx";
import { since, stateWords, until } from "./wording.ts";

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
      {found.state === "abandoned" && <Settle key={`${found.key} ${found.attempt}`} found={found} />}
      <dl>
        <Field name="Scope" value={found.scope} />
        <Field name="Attempt" value={`${found.attempt}`} />
        <Field name="Created" value={`${found.createdAt} (${since(found.createdAt)} ago)`} />
        {found.state !== "done" && (
          <Field name="Lease ends" value={`${found.leaseUntil} (${until(found.leaseUntil)})`} />
        )}
        <Field name="Forgotten" value={`${found.expiresAt} (${until(found.expiresAt)})`} />
        <Field name="Request" value={`SHA-256 ${found.fingerprint}`} />
        {found.owner !== "" && <Field name="Owner" value={found.owner} />}
      </dl>
      {found.steps.map((step) => (
        <Kept key={step.place} title={`Step ${step.place}`} kept={step} />
      ))}
      {found.result && <Kept title="The answer that is kept" kept={found.result} />}
    </section>
  );
}

function Field({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd class="mono">{value}</dd>
    </>
  );
}

function Kept({ title, kept }: { title: string; kept: KeptDocument }) {
  switch (kept.kind) {
    case "answer":
      return (
        <>
          <h3>
            {title}: HTTP {kept.status}
          </h3>
          <pre tabIndex={0}>{kept.headers.map(([name, value]) => `${name}: ${value}\n`).join("")}</pre>
          <Bytes bytes={bytesOf(kept.bodyBase64)} />
        </>
      );
    case "step":
      return (
        <>
          <h3>
            {title}: {kept.name}
          </h3>
          <p>{kept.begun ? "Begun, and nobody knows whether it happened." : "Done."}</p>
          {kept.value !== undefined && <pre tabIndex={0}>{JSON.stringify(kept.value, undefined, 2)}</pre>}
        </>
      );
    case "sealed":
      return (
        <>
          <h3>{title}</h3>
          <p>
            Sealed with the key “{kept.keyId}”. <code>once-again keys show --seal-key</code> opens it.
          </p>
        </>
      );
    case "bytes":
      return (
        <>
          <h3>{title}</h3>
          <Bytes bytes={bytesOf(kept.base64)} />
        </>
      );
  }
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** So much of a body is shown, bytes. */
const shownBytesMax = 20_000;

function Bytes({ bytes }: { bytes: Uint8Array }) {
  if (bytes.length === 0) return <p>No body.</p>;
  const shown = bytes.subarray(0, shownBytesMax);
  const hidden = bytes.length - shown.length;
  return (
    <>
      <pre tabIndex={0}>{textOf(shown)}</pre>
      {hidden > 0 && <p>And {hidden} more bytes: once-again keys show --json has them.</p>}
    </>
  );
}

/** JSON with line breaks, other text as it is, anything else in hexadecimal. */
function textOf(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    try {
      return JSON.stringify(JSON.parse(text), undefined, 2);
    } catch {
      return text;
    }
  } catch {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
}
