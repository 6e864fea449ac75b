import { maskBytes, maskText } from "../mask.ts";
import type { Letter } from "./letter.ts";

/** How much of a body is shown, bytes. */
const peekBytesMax = 1024;

/** A letter as it is listed: of its body only the beginning. */
export interface LetterView extends Omit<Letter, "body"> {
  readonly bodyBytes: number;
  /** The beginning of the body; undefined where that is no text. */
  readonly peek: string | undefined;
}

/** @param mask the names of headers and JSON members that are masked, in whatever case. */
export function letterView({ body, headers, ...letter }: Letter, mask: readonly string[]): LetterView {
  const names = new Set(mask.map((name) => name.toLowerCase()));
  const shown = Object.entries(headers).map(([name, text]) => [name, names.has(name.toLowerCase()) ? maskText : text]);
  return {
    ...letter,
    headers: Object.fromEntries(shown) as Record<string, string>,
    bodyBytes: body.length,
    peek: readText(maskBytes(body, names).subarray(0, peekBytesMax)),
  };
}

/** The text that bytes are in UTF-8; the last character may be cut off. */
function readText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}

/** A listed letter for the JSON document: what is not known is null. */
export function letterJson(view: LetterView): object {
  const { id, reason, detail, consumer, source, at, attempts, topic, orderingKey } = view;
  return {
    id: id ?? null,
    reason: reason ?? null,
    detail: detail ?? null,
    consumer: consumer ?? null,
    source: source ?? null,
    at: at === undefined ? null : new Date(at).toISOString(),
    attempts: attempts ?? null,
    topic,
    orderingKey: orderingKey ?? null,
    headers: view.headers,
    bodyBytes: view.bodyBytes,
    peek: view.peek ?? null,
    cutFrom: view.cutFrom ?? null,
  };
}
