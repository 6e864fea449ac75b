import { errorText } from "./error-text.ts";

/** How often the same text is written in an interval; after that it is counted. */
const linesMax = 3;
/** How many different texts are written in an interval; others are counted together. */
const textsMax = 100;
const intervalMs = 60_000;
/** How many causes of an error are shown, and how long a line may be, characters. */
const causesMax = 8;
const lineMax = 2000;

/** Where lines go, and when the interval ends. */
export interface ErrorLogParts {
  readonly write: (line: string) => void;
  /** Calls once, after so many milliseconds. It does not keep the process alive. */
  readonly later: (msMax: number, call: () => void) => void;
}

/**
 * Makes a log of errors: one line for each, with the messages and codes of its causes. Of the same text it writes the
 * first few lines in each interval, counts the rest, and says at the interval's end how many there were.
 */
export function errorLog({ write, later }: ErrorLogParts): (error: unknown) => void {
  const counts = new Map<string, number>();
  let others = 0;
  const endInterval = (): void => {
    for (const [line, count] of counts) {
      if (count > linesMax) write(`${line} (and ${count - linesMax} more like it in ${intervalMs / 1000} s)`);
    }
    if (others > 0) write(`once-again: ${others} more errors in ${intervalMs / 1000} s, of other texts`);
    counts.clear();
    others = 0;
  };
  return (error) => {
    const line = `once-again: ${errorLine(error)}`;
    if (counts.size === 0) later(intervalMs, endInterval);
    const count = (counts.get(line) ?? 0) + 1;
    if (count === 1 && counts.size >= textsMax) {
      others += 1;
      return;
    }
    counts.set(line, count);
    if (count <= linesMax) write(line);
  };
}

/** One log for all routes of a process: the default of every `onError`. */
export const logError: (error: unknown) => void = errorLog({
  // Looked up at each line, so that it can be replaced.
  write: (line) => console.error(line),
  later(msMax, call) {
    // oxlint-disable-next-line no-restricted-globals -- A Clock has no timer that lets the process end.
    const timer: unknown = setTimeout(call, msMax);
    // In Node a timer is an object, which keeps its process alive.
    (timer as { unref?: () => void }).unref?.();
  },
});

/** An error and its causes in one line; for a fault in code also where it was thrown. */
function errorLine(error: unknown): string {
  const parts: string[] = [];
  let inner = error;
  for (let depth = 0; depth < causesMax && inner !== undefined && inner !== null; depth += 1) {
    parts.push(describe(inner));
    inner = readProperty(inner, "cause");
  }
  if (parts.length === 0) parts.push(String(error));
  const line = parts.join(" | cause: ").replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length > lineMax ? `${line.slice(0, lineMax)}…` : line;
}

function describe(error: unknown): string {
  const code = readProperty(error, "code");
  const text = errorText(error);
  if (typeof code === "string" || typeof code === "number") return `${code}: ${text}`;
  // Without a code it is most likely a fault in code: its place is worth more than its text.
  const name = readProperty(error, "name");
  const stack = readProperty(error, "stack");
  const place = typeof stack === "string" ? /^\s*at .*$/m.exec(stack)?.[0].trim() : undefined;
  const named = typeof name === "string" && name !== text ? `${name}: ${text}` : text;
  return place === undefined ? named : `${named} (${place})`;
}

function readProperty(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}
