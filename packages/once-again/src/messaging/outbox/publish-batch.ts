import { answerBefore, type DeadlineTimer } from "../../core/deadline-timer.ts";
import { notify } from "../../core/listener.ts";
import { ownGetters } from "../../core/spreadable.ts";
import type { ClaimedBatch, ClaimedMessage, PostponeRequest } from "../../stores/outbox-store.ts";
import { decideFailure, type FailureDecision } from "./retry-or-park.ts";
import type { BrokerState } from "./broker-state.ts";
import { type Confirmation, refusedError, unavailableError } from "./publish.ts";
import type { Semaphore } from "../../core/semaphore.ts";
import type { RelaySettings } from "./relay-options.ts";

/** The state that the batches of one relay share. */
export interface BatchParts {
  readonly settings: RelaySettings;
  /** Aborts when the relay closes: nothing more is handed to the broker. */
  readonly stop: AbortSignal;
  readonly broker: BrokerState;
  /** Bounds how much is with the broker. */
  readonly places: Semaphore;
  /** Bounds how long. */
  readonly deadlines: DeadlineTimer;
  /** How often messages got no confirmation while others did, by their positions. */
  readonly silences: Map<string, number>;
}

/** How many silent messages a relay remembers. */
const silencesMax = 10_000;

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

/** Publishes a batch: messages of one key one by one, others side by side. */
export async function publishBatch(parts: BatchParts, batch: ClaimedBatch, claim: Claim): Promise<BatchEnd> {
  const confirmed: string[] = [];
  const postponed: PostponeRequest[] = [];
  const publish = async (message: ClaimedMessage): Promise<boolean> => {
    const ended = await publishOne(parts, message, claim);
    if (ended === "confirmed") confirmed.push(message.position);
    else postponed.push({ position: message.position, owner: claim.owner, ...ended });
    return ended === "confirmed" || ended.park === "pass";
  };
  if (batch.orderingKey === undefined) await Promise.all(batch.messages.map(publish));
  else {
    // Those after one that waits were never claimed themselves: they are free with it. Later claims leave the ordering key alone until
    // then: each store's outbox-statements.ts.
    for (const message of batch.messages) if (!(await publish(message))) break;
  }
  return { confirmed, postponed };
}

type PublishEnd = "confirmed" | Omit<PostponeRequest, "position" | "owner">;

const givenBack = { delayMs: 0 } as const;

async function publishOne(parts: BatchParts, message: ClaimedMessage, claim: Claim): Promise<PublishEnd> {
  const { settings, stop, broker } = parts;
  const { clock, publishMsMax } = settings;
  const place = parts.places.take();
  if (place !== undefined) await place;
  try {
    const isLate = clock.monotonic() + publishMsMax > claim.endsAt;
    if (stop.aborted || isLate || !broker.begin()) return givenBack;
    const { confirmations } = broker;
    try {
      const { isDuplicate = false } = (await publishInTime(parts, message)) ?? {};
      broker.confirmed();
      parts.silences.delete(message.position);
      const lagMs = Math.max(0, clock.now() - message.addedAt);
      notify(settings.onEvent, { type: "published", id: message.id, topic: message.topic, lagMs, isDuplicate });
      return "confirmed";
    } catch (error) {
      return failed(parts, message, error, broker.confirmations > confirmations);
    } finally {
      broker.end();
    }
  } finally {
    parts.places.leave();
  }
}

function failed(
  { settings, broker, silences }: BatchParts,
  message: ClaimedMessage,
  error: unknown,
  hasConfirmedSince: boolean,
): PublishEnd {
  const { id, topic, refusals, position } = message;
  const known = silences.get(position) ?? 0;
  const decision = decide(message, error, { hasConfirmedSince, silences: known }, settings);
  switch (decision.action) {
    case "postpone":
      if (decision.isAway) broker.unavailable(error);
      else if (known > 0 || silences.size < silencesMax) silences.set(position, known + 1);
      return { delayMs: decision.delayMs };
    case "retry": {
      const { refusal, delayMs } = decision;
      notify(settings.onEvent, { type: "refused", id, topic, error, refusals: refusals + 1, delayMs });
      return { delayMs, refusal, refusals: refusals + 1 };
    }
    case "park": {
      const blocks = settings.parked === "block" && message.orderingKey !== undefined;
      notify(settings.onEvent, { type: "parked", id, topic, error, blocks });
      return { delayMs: 0, refusal: decision.refusal, refusals: refusals + 1, park: settings.parked };
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

/** Waits for the confirmation no longer than it may take. A publisher that ignores its signal is not waited for. */
function publishInTime(
  { settings: { publish, publishMsMax }, deadlines }: BatchParts,
  { position: _position, refusals: _refusals, ...message }: ClaimedMessage,
): Promise<Confirmation | void> {
  const abort = new LazyAbort();
  const answered = (async () => publish(message, new Proxy(abort, contextGetters)))();
  return answerBefore(deadlines, publishMsMax, answered, (msMax) => {
    const why = `The broker did not confirm within ${msMax} ms.`;
    const error = publish.hasManyPlaces ? refusedError(why) : unavailableError(why);
    abort.abort(error);
    return error;
  });
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
