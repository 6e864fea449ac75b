/** The end of a request as its caller saw it: an answer, or an error. */
export type CallerOutcome =
  | {
      readonly status: number;
      readonly body: string;
      /** Whether the server says when to ask again. */
      readonly mayComeBack: boolean;
    }
  | { readonly failed: string };

/** The facts about one operation in the end. */
export interface Observation {
  readonly effects: number;
  /** The answers that the callers saw, before the last look. */
  readonly answers: readonly CallerOutcome[];
  /** The answer to the last repeat, when all was quiet again. */
  readonly repeat: CallerOutcome;
}

/** Whether the answer says that the operation happened. A redirect to its result says so too. */
export function isSuccess(seen: CallerOutcome): boolean {
  return "status" in seen && seen.status >= 200 && seen.status < 400;
}

/** Whether it was refused for good: asking again is no use. */
export function isRefusal(seen: CallerOutcome): boolean {
  return "status" in seen && seen.status >= 400 && seen.status < 500;
}

/** Whether the answer says to ask again later. */
export function mustWait(seen: CallerOutcome): boolean {
  return "status" in seen && [409, 425, 429, 503].includes(seen.status);
}

/** Whether the answer says that the outcome is unknown, which only a person can settle. */
export function isHeld(seen: CallerOutcome): boolean {
  return "status" in seen && seen.status === 409 && !seen.mayComeBack;
}

export function isSame(one: CallerOutcome, other: CallerOutcome): boolean {
  return "status" in one && "status" in other && one.status === other.status && one.body === other.body;
}

/** How many characters of an answer a report shows. */
const bodyCharactersMax = 80;

export function formatOutcome(seen: CallerOutcome): string {
  if ("failed" in seen) return `no answer (${seen.failed})`;
  const body = seen.body.length > bodyCharactersMax ? `${seen.body.slice(0, bodyCharactersMax)}…` : seen.body;
  return `${seen.status} ${body}`.trimEnd();
}
