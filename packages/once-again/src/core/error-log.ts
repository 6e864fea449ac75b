import { systemClock } from "./system-clock.ts";
import type { ErrorListener, ErrorSubject } from "./listener.ts";
import { causeMark, errorChain, errorText, readProperty } from "./error-text.ts";

/** How often the same text is written in an interval; after that it is counted. */
const linesMax = 3;
/** How many different texts are written in an interval; others are counted together. */
const textsMax = 100;
const intervalMs = 60_000;
/** How long a line may be, characters. */
const lineMax = 2000;

/** Where lines go, and when the interval ends. */
export interface ErrorLogParts {
  readonly write: (line: string) => void;
  /** The time, milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls once, after so many milliseconds. It does not keep the process alive. */
  readonly later: (msMax: number, call: () => void) => void;
}

/**
 * Makes a log of errors: one line for each, with the time, where it comes from, the messages and codes of its causes, and what it is
 * about. Of the same text, whatever it is about, it writes the first few lines in each interval, counts the rest, and says at the
 * interval's end how many there were.
 */
export function errorLog({ write, now, later }: ErrorLogParts): (error: unknown, about?: ErrorSubject) => void {
  const counts = new Map<string, number>();
  let others = 0;
  const timeText = (): string => new Date(now()).toISOString();
  const endInterval = (): void => {
    for (const [line, count] of counts) {
      if (count > linesMax)
        write(`${timeText()} ${line} (and ${count - linesMax} more like it in ${intervalMs / 1000} s)`);
    }
    if (others > 0) write(`${timeText()} once-again: ${others} more errors in ${intervalMs / 1000} s, of other texts`);
    counts.clear();
    others = 0;
  };
  return (error, { room, ...subject } = noSubject) => {
    const line = `once-again${room === "" ? "" : ` ${room}`}: ${errorLine(error)}`;
    if (counts.size === 0) later(intervalMs, endInterval);
    const count = (counts.get(line) ?? 0) + 1;
    if (count === 1 && counts.size >= textsMax) {
      others += 1;
      return;
    }
    counts.set(line, count);
    if (count <= linesMax) write(`${timeText()} ${line}${subjectText(subject)}`);
  };
}

const noSubject: ErrorSubject = { room: "" };

/** The names of an operation or a message, as a line shows them: none has a space or a control character that could pass for another. */
function subjectText(subject: Omit<ErrorSubject, "room">): string {
  const names = Object.entries(subject).filter(([, value]) => value !== undefined);
  const shown = names.map(([name, value]) => `${name}=${nameText(String(value))}`);
  return shown.length === 0 ? "" : ` [${shown.join(" ")}]`;
}

/** How long a name in a line may be, characters. */
const nameMax = 256;

function nameText(name: string): string {
  const cut = name.length > nameMax ? `${name.slice(0, nameMax)}…` : name;
  if (/^[!#-Z^-~]+$/.test(cut)) return cut;
  // Of JSON, controls and what moves the text of a line are escaped, too.
  return JSON.stringify(cut.toWellFormed()).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** One log for all routes of a process: the default of every `onError`. */
export const logError: ErrorListener = errorLog({
  now: () => systemClock.now(),
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
  const parts = errorChain(error).map(describe);
  if (parts.length === 0) parts.push(String(error));
  const line = parts.join(causeMark).replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length > lineMax ? `${line.slice(0, lineMax)}…` : line;
}

function describe(error: unknown): string {
  const code = readProperty(error, "code");
  const text = errorText(error);
  if (typeof code === "string" || typeof code === "number") return `${code}: ${text}`;
  // Without a code it is most likely a fault in code: its place is worth more than its text.
  const name = readProperty(error, "name");
  const stack = readProperty(error, "stack");
  const place = typeof stack === "string" ? /^[ \t]*at .*$/m.exec(stack)?.[0].trim() : undefined;
  const named = typeof name === "string" && name !== text ? `${name}: ${text}` : text;
  return place === undefined ? named : `${named} (${place})`;
}
