import { invalidOptionError } from "../core/options.ts";
import { type Execution, type MessageFacts, NoEffectError } from "../engine/engine.ts";
import { nameProblem } from "../key/key.ts";
import type { MarkRequest, TransactionalStore } from "../stores/store.ts";
import type { HttpResponse } from "./response.ts";

/** The object of an event, and how new the event is. */
export interface EventPlace {
  /** The object's id, 1 to 255 characters; the events of each object are compared with each other. */
  readonly object: string;
  /** A time in milliseconds, or a version, which grows with the object's events: 0 to 2^53 - 1; default `event.occurredAt`. */
  readonly at?: number | undefined;
}

/** Says which object an event is about. `undefined`: about none with events that could overtake each other. */
export type Latest = (event: MessageFacts, text: string) => EventPlace | undefined | Promise<EventPlace | undefined>;

/**
 * Moves the mark of an event's object to the event.
 *
 * @returns the response to an event that is older than one of the same object that was handled; `undefined` for all others.
 */
export async function responseToOlder<Transaction>(
  { scope, transaction }: Pick<Execution<Transaction>, "scope" | "transaction">,
  latest: Latest,
  moveMark: NonNullable<TransactionalStore<Transaction>["moveMark"]>,
  event: MessageFacts,
  body: Uint8Array<ArrayBuffer>,
): Promise<HttpResponse | undefined> {
  const place = await latest(event, new TextDecoder().decode(body));
  if (place === undefined) return undefined;
  const mark = markOf(scope, place, event);
  const moved = await moveMark(transaction, mark);
  if (moved.kind === "locked") {
    throw new NoEffectError("Another event of this object is being handled. Come back later; nothing happened.");
  }
  // Times of senders are coarse: two events of one second both run.
  return moved.kind === "behind" && mark.position < moved.position ? older() : undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what names no object, or no time. */
function markOf(scope: string, { object, at }: EventPlace, { occurredAt }: MessageFacts): MarkRequest {
  if (nameProblem(object) !== undefined) {
    throw invalidOptionError("latest", "a function that returns an object's id, or undefined", object);
  }
  const position = Math.floor(at ?? occurredAt ?? Number.NaN);
  if (Number.isSafeInteger(position) && position >= 0) return { scope, key: object, position };
  throw invalidOptionError("latest", "a function that returns a time or a version as `at`, since none is signed", at);
}

const olderText = "A newer event of this object was handled before, so this one changed nothing.";

/** Senders take any success for "received", and show its text to their operators. */
function older(): HttpResponse {
  const body = new TextEncoder().encode(`${olderText}\n`);
  return { status: 200, headers: [["content-type", "text/plain; charset=utf-8"]], body };
}
