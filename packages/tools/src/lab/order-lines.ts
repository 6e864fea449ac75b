/** A line that is longer is not read: memory is finite, and the API takes no body over 1 MiB. */
export const lineBytesMax = 256 * 1024;

/** One line of a file: its text, or why it has none. */
export interface TextLine {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
  readonly problem?: string;
}

/** Splits UTF-8 bytes at line feeds. A carriage return before one, and a byte order mark, do not belong to the text. */
export async function* orderLines(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<TextLine, void, undefined> {
  let line = 1;
  let pieces: Uint8Array[] = [];
  let length = 0;

  const add = (piece: Uint8Array): void => {
    length += piece.length;
    if (length <= lineBytesMax) pieces.push(piece);
    else pieces = [];
  };
  const finish = (): TextLine => {
    const finished = length > lineBytesMax ? tooLong(line) : decodeLine(line, Buffer.concat(pieces));
    line += 1;
    pieces = [];
    length = 0;
    return finished;
  };

  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      add(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield finish();
}

const tooLong = (line: number): TextLine => ({ line, text: "", problem: `longer than ${lineBytesMax} bytes` });

function decodeLine(line: number, bytes: Uint8Array): TextLine {
  try {
    return { line, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r$/, "") };
  } catch {
    return { line, text: "", problem: "not UTF-8" };
  }
}
