import { trimHeader } from "./key.ts";
import { sha256 } from "./sha256.ts";

/**
 * The parts of a multipart form without its boundary, as text: names, values, and files by their hash. What the platform's
 * parser does not show of them (further headers of a part, a text before the first part or behind the last) follows.
 *
 * @throws Error when it is no such body, names several boundaries, or has a text that is not UTF-8.
 */
export async function canonicalParts(contentType: string, body: Uint8Array<ArrayBuffer>): Promise<string> {
  const pieces = splitAt(boundaryOf(contentType), body);
  const form = await new Response(body, { headers: { "content-type": contentType } }).formData();
  const entries = [...form];
  // Between the text in front of the first boundary and the one behind the last.
  if (entries.length !== pieces.length - 2)
    throw new TypeError("not every reader would split its parts at the same places");
  const parts = await Promise.all(
    entries.map(async ([name, value]) =>
      typeof value === "string"
        ? [name, value]
        : [name, value.name, value.type, await sha256(new Uint8Array(await value.arrayBuffer()))],
    ),
  );
  if (parts.flat().some(isInexact)) throw new TypeError("not UTF-8");
  const hidden = pieces.map((piece, index) => {
    if (index === 0) return piece;
    if (index === pieces.length - 1) return /^--(?:\r\n)?$/.test(piece) ? "" : piece;
    return hiddenHead(piece, entries[index - 1]![1]);
  });
  return JSON.stringify(parts) + (hidden.every((text) => text === "") ? "" : JSON.stringify(hidden));
}

/** Whether a text may have been decoded from more than one sequence of bytes. */
export function isInexact(text: string): boolean {
  return text.includes("\ufffd");
}

/** @throws TypeError unless there is exactly one: parsers differ in which of several they take. */
function boundaryOf(contentType: string): string {
  const [, value, ...others] = contentType.split(/boundary=/i);
  if (value === undefined || others.length > 0) throw new TypeError("not one boundary");
  const quoted = value.startsWith('"');
  return value
    .slice(quoted ? 1 : 0)
    .split(quoted ? '"' : ";", 1)[0]!
    .trimEnd();
}

/** Each byte is a character, so no two bodies have one text. */
const latin1 = new TextDecoder("latin1");

function splitAt(boundary: string, body: Uint8Array<ArrayBuffer>): string[] {
  const [preamble = "", ...pieces] = `\r\n${latin1.decode(body)}`.split(`\r\n--${boundary}`);
  return [preamble.slice("\r\n".length), ...pieces];
}

const contentType = /^content-type:/i;
const disposition = /^content-disposition: form-data; name="[^"\\]*"(?:; filename="[^"\\]*")?$/i;

/** The head of a part that has more to it than the name, file name and type that the platform's parser shows; else "". */
function hiddenHead(piece: string, value: string | File): string {
  const end = piece.indexOf("\r\n\r\n");
  const head = end < 0 ? piece : piece.slice(0, end);
  const [start, ...lines] = head.split("\r\n");
  const types = typeof value === "string" ? [] : lines.filter((line) => contentType.test(line));
  const others = lines.filter((line) => !types.includes(line));
  const isShown =
    // The rest of the boundary's line.
    start === "" &&
    others.length === 1 &&
    disposition.test(others[0]!) &&
    types.length <= 1 &&
    types.every((line) => trimHeader(line.slice("content-type:".length)) === (value as File).type);
  return isShown ? "" : head;
}
