import { sleep } from "../../core/clock.ts";
import { answerBefore, type DeadlineTimer } from "../../core/deadline-timer.ts";
import { notify } from "../../core/listener.ts";
import { ownGetters } from "../../core/spreadable.ts";
import type { ClaimedBatch, ClaimedMessage, PostponeRequest } from "../../stores/outbox-store.ts";
import { decideFailure, type FailureDecision } from "./retry-or-park.ts";
import { placeOf, type Places } from "./places.ts";
import { type Confirmation, refusedError, unavailableError } from "./publish.ts";
import type { RelaySettings } from "./relay-options.ts";

/** The state that the batches of one relay share. */
export interface BatchParts {
  readonly settings: RelaySettings;
  /** Aborts when the relay closes: nothing more is handed to the broker. */
  readonly stop: AbortSignal;
  /** Decides when a message has its turn at its place. */
  readonly places: Places;
  /** Bounds how long a publish may take. */
  readonly deadlines: DeadlineTimer;
}

/** A claim, and until when it is ours, by the monotonic clock. */
export interface Claim {
  readonly owner: string;
  readonly endsAt: number;
}

/** How the messages of one batch ended: the positions of those that the broker has confirmed, and those given back. */
export interface BatchEnd {
  readonly confirmed: readonly string[];
  readonly postponed: readonly PostponeRequest[];
}

/**
 * Publishes the messages of one key one by one, others side by side.
 *
 * @param onEnd called when a message is no longer on its way, or all of a key are not: what a line waits for then takes no room.
 */
export async function publishBatch(
  parts: BatchParts,
  batch: ClaimedBatch,
  claim: Claim,
  onEnd: () => void,
): Promise<BatchEnd> {
  const confirmed: string[] = [];
  const postponed: PostponeRequest[] = [];
  const publish = async (message: ClaimedMessage): Promise<boolean> => {
    const ended = await publishOne(parts, message, claim, batch.line === "failed" || message.refusals > 0);
    if (ended === "confirmed") confirmed.push(message.position);
    else postponed.push({ position: message.position, owner: claim.owner, ...ended });
    if (batch.orderingKey === undefined) onEnd();
    return ended === "confirmed" || ended.park === "pass";
  };
  if (batch.orderingKey === undefined) await Promise.all(batch.messages.map(publish));
  else {
    // Those after one that waits were never claimed themselves: they are free with it. Later claims leave the ordering key alone until
    // then: each store's outbox-statements.ts.
    for (const message of batch.messages) if (!(await publish(message))) break;
    onEnd();
  }
  return { confirmed, postponed };
}

type PublishEnd = "confirmed" | Omit<PostponeRequest, "position" | "owner">;

const givenBack = { delayMs: 0 } as const;

/** @param hasFailed whether its place did not confirm it before. */
async function publishOne(
  parts: BatchParts,
  message: ClaimedMessage,
  claim: Claim,
  hasFailed: boolean,
): Promise<PublishEnd> {
  const { settings, stop, places } = parts;
  const { clock, publishMsMax } = settings;
  const place = placeOf(settings, message);
  const isLate = (): boolean => stop.aborted || clock.monotonic() + publishMsMax > claim.endsAt;
  if (isLate()) return givenBack;
  const turn = places.begin(place);
  const hasTurn = typeof turn === "boolean" ? turn : await turn;
  if (!hasTurn) return stop.aborted ? givenBack : waitForPlace(places, place, hasFailed);
  try {
    if (isLate()) return givenBack;
    const confirmations = places.confirmations(place);
    try {
      const { isDuplicate = false } = (await publishInTime(parts, message, place)) ?? {};
      places.confirmed(place);
      const lagMs = Math.max(0, clock.now() - message.addedAt);
      notify(settings.onEvent, { type: "published", id: message.id, topic: message.topic, place, lagMs, isDuplicate });
      return "confirmed";
    } catch (error) {
      return failed(parts, message, place, error, places.confirmations(place) > confirmations);
    }
  } finally {
    places.end(place);
  }
}

/** A message without an ordering key waits in a line of its place; one with a key holds up its key. */
const waitForPlace = (places: Places, place: string, hasFailed: boolean) =>
  ({ place, line: hasFailed ? "failed" : "untried", delayMs: places.holdMs(place) }) as const;

function failed(
  { settings, places }: BatchParts,
  message: ClaimedMessage,
  place: string,
  error: unknown,
  hasConfirmedSince: boolean,
): PublishEnd {
  const { id, topic, refusals } = message;
  const decision = decide(message, error, hasConfirmedSince, settings);
  switch (decision.action) {
    case "wait":
      places.unavailable(place, error);
      return { ...waitForPlace(places, place, true), refusal: decision.refusal, refusals };
    case "retry": {
      const { refusal, delayMs } = decision;
      notify(settings.onEvent, { type: "refused", id, topic, place, error, refusals: refusals + 1, delayMs });
      return { place, delayMs, refusal, refusals: refusals + 1 };
    }
    case "park": {
      const blocks = settings.parked === "block" && message.orderingKey !== undefined;
      notify(settings.onEvent, { type: "parked", id, topic, place, error, blocks });
      return { place, delayMs: 0, refusal: decision.refusal, refusals: refusals + 1, park: settings.parked };
    }
  }
}

/** An error that can't even be read, such as a revoked proxy, is a refusal: the others of the batch go on. */
function decide(...[message, error, ...known]: Parameters<typeof decideFailure>): FailureDecision {
  try {
    return decideFailure(message, error, ...known);
  } catch (cause) {
    return decideFailure(message, refusedError("What the publisher threw can't be read.", cause), ...known);
  }
}

/**
 * Waits for the confirmation no longer than it may take. A publisher that answers its abort at once decides what the silence
 * means: of one server among many it is a refusal. One that ignores its signal is not waited for.
 */
async function publishInTime(
  { settings: { clock, publish, publishMsMax }, deadlines, places }: BatchParts,
  { position: _position, refusals: _refusals, ...message }: ClaimedMessage,
  place: string,
): Promise<Confirmation | void> {
  const abort = new LazyAbort();
  const answered = (async () => publish(message, new Proxy(abort, contextGetters)))();
  let silence: Error | undefined;
  try {
    return await answerBefore(deadlines, publishMsMax, answered, (msMax) => {
      silence = unavailableError(`${place} did not confirm within ${msMax} ms.`);
      abort.abort(silence);
      return silence;
    });
  } catch (error) {
    if (silence === undefined || error !== silence) throw error;
    places.silent(place);
    const turn = sleep(clock, 0).then(() => Promise.reject(error));
    return Promise.race([answered, turn]);
  }
}

const contextGetters = ownGetters<LazyAbort>(["signal"]);

/** An AbortController with a lazy signal, made when it is first read, or aborted: most work never asks for it. */
class LazyAbort {
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  abort(reason: unknown): void {
    (this.#controller ??= new AbortController()).abort(reason);
  }
}
