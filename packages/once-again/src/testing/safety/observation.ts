/** What a caller saw of a request: an answer, or what it failed with. */
export type Seen =
  | {
      readonly status: number;
      readonly body: string;
      /** Whether the server says when to ask again. */
      readonly mayComeBack: boolean;
    }
  | { readonly failed: string };

/** What is known of one operation in the end. */
export interface Observed {
  readonly effects: number;
  /** What the callers saw, before the last look. */
  readonly answers: readonly Seen[];
  /** What the last repeat was answered, when all was quiet again. */
  readonly repeat: Seen;
}

/** Whether it was told that the operation happened. A redirect to its result says so too. */
export function isSuccess(seen: Seen): boolean {
  return "status" in seen && seen.status >= 200 && seen.status < 400;
}

/** Whether it was refused for good: asking again is no use. */
export function isRefusal(seen: Seen): boolean {
  return "status" in seen && seen.status >= 400 && seen.status < 500;
}

/** Whether it was told to ask again later. */
export function isTurnedAway(seen: Seen): boolean {
  return "status" in seen && [409, 425, 429, 503].includes(seen.status);
}

/** Whether it was told that nobody knows what happened, which only a person can settle. */
export function isHeld(seen: Seen): boolean {
  return "status" in seen && seen.status === 409 && !seen.mayComeBack;
}

export function isSame(one: Seen, other: Seen): boolean {
  return "status" in one && "status" in other && one.status === other.status && one.body === other.body;
}

/** How many characters of an answer a report shows. */
const shownMax = 80;

export function shown(seen: Seen): string {
  if ("failed" in seen) return `no answer (${seen.failed})`;
  const body = seen.body.length > shownMax ? `${seen.body.slice(0, shownMax)}…` : seen.body;
  return `${seen.status} ${body}`.trimEnd();
}
