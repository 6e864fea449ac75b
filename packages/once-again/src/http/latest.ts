import { invalidOptionError } from "../core/options.ts";
import type { MessageFacts } from "../engine/engine.ts";
import { NoEffectError } from "../engine/errors.ts";
import { nameProblem } from "../engine/operation-name.ts";
import type { MarkRequest, TransactionalStore } from "../stores/store.ts";
import type { HttpHandler, HttpResponse } from "./response.ts";

/** Which object an event tells of, and how new it is. */
export interface EventPlace {
  /** The object's id, 1 to 255 characters; the events of each object are compared with each other. */
  readonly object: string;
  /** A time in milliseconds, or a version, which grows with the object's events: 0 to 2^53 - 1; default `event.occurredAt`. */
  readonly at?: number | undefined;
}

/** Says which object an event tells of. `undefined`: of none whose events could overtake each other. */
export type Latest = (event: MessageFacts, text: string) => EventPlace | undefined | Promise<EventPlace | undefined>;

/** A handler that does not run for an event that is older than one of the same object that was handled. */
export function latestHandler<Transaction>(
  handler: HttpHandler<Transaction>,
  latest: Latest,
  moveMark: NonNullable<TransactionalStore<Transaction>["moveMark"]>,
  event: MessageFacts,
): HttpHandler<Transaction> {
  return async (execution, body) => {
    const place = await latest(event, new TextDecoder().decode(body));
    if (place === undefined) return handler(execution, body);
    const mark = markOf(execution.scope, place, event);
    const answer = await moveMark(execution.transaction, mark);
    if (answer.kind === "locked") {
      throw new NoEffectError("Another event of this object is being handled. Come back later; nothing happened.");
    }
    // Times of senders are coarse: two events of one second both run.
    return answer.kind === "behind" && mark.position < answer.position ? older() : handler(execution, body);
  };
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

/** Senders take any success for "received", and show its text to whoever looks. */
function older(): HttpResponse {
  const body = new TextEncoder().encode(`${olderText}\n`);
  return { status: 200, headers: [["content-type", "text/plain; charset=utf-8"]], body };
}
