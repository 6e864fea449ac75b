import { invalidOptionError } from "once-again/internal";

/** A line that is longer than this is no line of a history, characters. */
const lineLengthMax = 1_000_000;

/**
 * The lines of a text that comes in chunks of any size: UTF-8, or UTF-16 with a byte order mark. Each is numbered, from 1; empty ones are
 * left out.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for bytes that are no text, and for a line of more than a million characters.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<{ readonly number: number; readonly text: string }[], void, undefined> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let head: Uint8Array = new Uint8Array();
  let rest = "";
  let number = 0;
  const linesOf = (text: string, isLast: boolean): { number: number; text: string }[] => {
    const parts = (rest + text).split("\n");
    rest = isLast ? "" : parts.pop()!;
    if (rest.length > lineLengthMax) throw lineError(name, number + 1);
    return parts.flatMap((part) => {
      number += 1;
      if (part.length > lineLengthMax) throw lineError(name, number);
      const line = part.endsWith("\r") ? part.slice(0, -1) : part;
      return line.trim() === "" ? [] : [{ number, text: line }];
    });
  };
  const decode = (bytes: Uint8Array, isLast: boolean): string => {
    try {
      return decoder!.decode(bytes, { stream: !isLast });
    } catch {
      throw invalidOptionError(name, "a text in UTF-8, or in UTF-16 with a byte order mark", `line ${number + 1}`);
    }
  };
  for await (const chunk of chunks) {
    let bytes = chunk;
    if (decoder === undefined) {
      head = joined(head, chunk);
      // A mark may come in two chunks.
      if (head.length < 2) continue;
      decoder = new TextDecoder(encodingOf(head), { fatal: true });
      bytes = head;
    }
    const lines = linesOf(decode(bytes, false), false);
    if (lines.length > 0) yield lines;
  }
  decoder ??= new TextDecoder("utf-8", { fatal: true });
  const last = linesOf(decode(head.length < 2 ? head : new Uint8Array(), true), true);
  if (last.length > 0) yield last;
}

function encodingOf([first, second]: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}

function lineError(name: string, number: number): Error {
  return invalidOptionError(
    name,
    `lines of at most ${lineLengthMax.toLocaleString("en")} characters`,
    `line ${number}`,
  );
}
