import { useEffect, useRef } from "preact/hooks";
import type { MessageDocument } from "../../../src/admin/message-json.ts";
import { mayChange } from "../session.ts";
import { Bytes } from "../ui/bytes.tsx";
import { Field } from "../ui/field.tsx";
import { TokenNote } from "../ui/token-note.tsx";
import { since, until } from "../ui/time-words.ts";
import { Decide } from "./decide.tsx";
import { chosen } from "./messages-state.ts";

/** The messages of one id, whole; nothing keeps two from having one. A person decides about parked ones alone. */
export function MessageDetail({ messages }: { messages: readonly MessageDocument[] }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const id = messages[0]!.id;
  const parked = messages.filter(({ state }) => state === "parked").length;
  useEffect(() => heading.current?.focus(), [id]);
  return (
    <section class="card detail" aria-labelledby="detail-title">
      <div class="row">
        <h2 id="detail-title" class="mono name" tabIndex={-1} ref={heading}>
          {id}
        </h2>
        <button type="button" onClick={() => (chosen.value = [])}>
          Close
        </button>
      </div>
      {messages.length > 1 && <p>{messages.length} messages have this id. What you decide is for all parked ones.</p>}
      {parked === 0 && <p>It is tried again by itself. Repair its place; there is nothing to decide.</p>}
      {parked > 0 && (mayChange.value ? <Decide key={id} id={id} /> : <TokenNote to="decide about it" />)}
      {messages.map((message, index) => (
        <MessageFields key={index} message={message} />
      ))}
    </section>
  );
}

function MessageFields({ message }: { message: MessageDocument }) {
  return (
    <>
      <h3>Its place said</h3>
      <pre tabIndex={0}>{message.refusal}</pre>
      <dl>
        <Field name="Place" value={message.place ?? "not known"} />
        <Field name="Topic" value={message.topic} />
        <Field name="Ordering key" value={message.orderingKey ?? "none: it holds up no other"} />
        <Field name="Added" value={`${message.addedAt} (${since(message.addedAt)} ago)`} />
        <Field name="Tried" value={`${message.triedAt} (${since(message.triedAt)} ago)`} />
        {message.parkedAt !== null && (
          <Field name="Parked" value={`${message.parkedAt} (${since(message.parkedAt)} ago)`} />
        )}
        {message.dueAt !== null && <Field name="Tried again" value={`${message.dueAt} (${until(message.dueAt)})`} />}
        <Field name="Refusals" value={String(message.refusals)} />
        {Object.entries(message.headers).map(([name, value]) => (
          <Field key={name} name={name} value={value} />
        ))}
      </dl>
      <h3>Body, {message.bodyBytes} bytes</h3>
      <Bytes base64={message.bodyBase64} command="once-again messages show --json" />
    </>
  );
}
