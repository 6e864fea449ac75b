import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageHeaders } from "./message-headers.ts";

/** An attribute of a message of SQS or SNS. */
export interface TextAttribute {
  readonly DataType: "String";
  readonly StringValue: string;
}

/** A message as SQS and SNS take it: a text, and no more than ten attributes. */
export interface AwsMessage {
  readonly text: string;
  readonly attributes: Record<string, TextAttribute>;
}

/** The names of the attributes that `awsMessage` writes. A message may have only ten, so that its headers are in one. */
export const attributeNames = ["id", "topic", "orderingKey", "headers", "encoding"] as const;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The characters that SQS refuses (its `SendMessage`): those that XML 1.0 has not. */
const unsendable = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** The characters that SQS refuses, and JSON writes as they are. */
const unsendableInJson = /[\ufffe\uffff]/g;

/** A message of the outbox for SQS or SNS. A body that is no text, or is empty, goes in Base64. */
export function awsMessage({ id, topic, orderingKey, headers, body }: OutboxMessage): AwsMessage {
  const text = textOf(body);
  const values = {
    id,
    topic,
    ...(orderingKey !== undefined && { orderingKey }),
    headers: JSON.stringify(messageHeaders(headers)).replaceAll(
      unsendableInJson,
      (text) => `\\u${text.charCodeAt(0).toString(16)}`,
    ),
    ...(text === undefined && { encoding: "base64" }),
  };
  const attributes = Object.entries(values).map(([name, StringValue]) => [name, { DataType: "String", StringValue }]);
  return {
    // SQS refuses an empty text. This one decodes to nothing.
    text: text ?? (Buffer.from(body).toString("base64") || "="),
    attributes: Object.fromEntries(attributes) as Record<string, TextAttribute>,
  };
}

function textOf(body: Uint8Array): string | undefined {
  if (body.length === 0) return undefined;
  try {
    const text = decoder.decode(body);
    return unsendable.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The bytes that `awsMessage` made a text of. */
export function awsBody(text: string, encoding: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(text, encoding === "base64" ? "base64" : "utf8"));
}
