import { invalidOptionError } from "once-again/internal";

/** A line of a log or a ledger, by the names of its fields. */
export type Row = Readonly<Record<string, string>>;

/** How a file writes its rows. */
export type RowFormat = "common" | "json" | "csv";

const number = String.raw`\d+|-`;
/** Common and combined log format; what stands behind it in quotes are fields of the server's administrator. */
const commonLine = new RegExp(
  String.raw`^(?<client>\S+) \S+ (?<user>\S+) \[(?<time>[^\]]+)\] "(?<request>(?:[^"\\]|\\.)*)" (?<status>${number}) (?<bytes>${number})(?<rest>.*)$`,
);

/**
 * Reads rows, one a line. The first line says which format it is: JSON, the common log format with whatever comes behind it, or
 * CSV with a head. In the common format the quoted fields behind the size are `referer` and `agent`, and then `field1`, `field2`.
 *
 * @param separator stands between the cells of CSV.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a line in another format.
 */
export function rowReader(name: string, separator = ","): (text: string, line: number) => Row | undefined {
  let format: RowFormat | undefined;
  let head: readonly string[] | undefined;
  return (text, line) => {
    const wrong = (expected: string): Error =>
      invalidOptionError(`${name}, line ${line}`, expected, text.slice(0, 200));
    format ??= text.trimStart().startsWith("{") ? "json" : commonLine.test(text) ? "common" : "csv";
    switch (format) {
      case "json":
        return readJson(text) ?? fail(wrong("one JSON object"));
      case "common":
        return readCommon(text) ?? fail(wrong("in the common or combined log format, as the first line is"));
      case "csv": {
        const cells = readCells(text, separator);
        if (cells === undefined) throw wrong("CSV with its quotes closed on the same line");
        if (head === undefined) {
          head = cells.map((cell) => cell.trim());
          if (head.length < 2)
            throw wrong(
              `JSON lines, the common log format, or CSV with a head of names and "${separator}" between them`,
            );
          return undefined;
        }
        if (cells.length !== head.length) throw wrong(`${head.length} cells, as the head has`);
        return Object.fromEntries(head.map((column, at) => [column, cells[at]!]));
      }
    }
  };
}

function fail(error: Error): never {
  throw error;
}

function readJson(text: string): Row | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const fields = Object.entries(value).flatMap(([name, field]) =>
      typeof field === "string" || typeof field === "number" || typeof field === "boolean"
        ? [[name, String(field)]]
        : [],
    );
    return Object.fromEntries(fields) as Row;
  } catch {
    return undefined;
  }
}

function readCommon(text: string): Row | undefined {
  const fields = commonLine.exec(text)?.groups as
    | Record<"client" | "user" | "time" | "request" | "status" | "bytes" | "rest", string>
    | undefined;
  if (fields === undefined) return undefined;
  const { client, user, time, request, status, bytes, rest } = fields;
  const [method = "", path = ""] = request.split(" ");
  // A field without its end is matched as far as it goes, so that it is not looked for anew from each quote in it.
  const quoted = [...rest.matchAll(/"((?:[^"\\]|\\.)*)("?)/g)].flatMap(([, field, end]) =>
    end === "" ? [] : unescape(field!),
  );
  const names = ["referer", "agent"];
  const more = quoted.map((field, at) => [names[at] ?? `field${at - names.length + 1}`, field]);
  return { client, user, time, method, path, status, bytes, ...(Object.fromEntries(more) as Row) };
}

/** A field as it was before the server wrote it: nginx writes a quote as `\x22`, Apache as `\"`. */
function unescape(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replaceAll(/((?:\\x[\da-fA-F]{2})+)|\\(.)/g, (_, bytes: string | undefined, other: string) =>
    bytes === undefined ? (controls[other] ?? other) : Buffer.from(bytes.replaceAll("\\x", ""), "hex").toString(),
  );
}

const controls: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** The cells of a line of CSV (RFC 4180); `undefined`: a quote is not closed. */
function readCells(text: string, separator: string): string[] | undefined {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    let cell = "";
    if (text[at] === '"') {
      for (at += 1; ; at += 1) {
        if (at >= text.length) return undefined;
        if (text[at] !== '"') cell += text[at];
        else if (text[at + 1] === '"') cell += text[(at += 1)];
        else break;
      }
      at += 1;
    } else {
      const end = text.indexOf(separator, at);
      cell = text.slice(at, end < 0 ? undefined : end);
      at = end < 0 ? text.length : end;
    }
    cells.push(cell);
    if (at >= text.length) return cells;
    if (text[at] !== separator) return undefined;
    at += 1;
  }
}
