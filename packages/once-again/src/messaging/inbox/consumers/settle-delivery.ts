import { type Clock, sleep } from "../../../core/clock.ts";
import { type Listener, notify } from "../../../core/events.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { hasMethod } from "../../../core/client-names.ts";
import { type Random, systemRandom } from "../../../core/random.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { makeKey } from "../../../key/index.ts";
import { exponentialBackoff } from "../../../retry/index.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import type { Publish } from "../../outbox/publish.ts";
import type { Inbox, InboxVerdict, MessageWork } from "../inbox.ts";
import { type InboxMessage, messageId } from "../inbox-message.ts";

/** Messages that flow into an inbox. */
export interface Consumer extends AsyncDisposable {
  /** Takes no more messages, and resolves when those under way have ended. What waits in the inbox ends with the inbox. */
  close(): Promise<void>;
}

/** What all consumers are told. */
export interface ConsumerOptions<Transaction> {
  /** Whose effects these are. It stays yours: `close()` does not close it. */
  readonly inbox: Inbox<Transaction>;
  /** Hears that messages can't be taken, or dead letters not be written, at present; default `console.error`. */
  readonly onError?: Listener<unknown> | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no inbox, and for a work that nobody could call. */
export function checkInboxAndWork(inbox: unknown, work: unknown): void {
  if (!hasMethod(inbox, "handle")) throw invalidOptionError("inbox", "what openInbox() gives", typeof inbox);
  if (typeof work !== "function") throw invalidOptionError("work", "a function", work);
}

/** How long a dead letter may take, milliseconds. */
const letterMsMax = 10_000;

/** What a consumer hands its deliveries to. */
export interface Deliveries {
  /** Aborts when the consumer closes. */
  readonly stop: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Handles a message. Whatever it answers, the message is not lost: its effect is there, or it is a dead letter, or it is given back. */
  handle(message: InboxMessage): Promise<"acknowledge" | "give-back">;
  /** Calls again what fails, after longer and longer pauses, until it succeeds or the consumer closes. */
  insist(call: () => Promise<unknown>): Promise<void>;
  /** Resolves when everything under way has ended. */
  close(): Promise<void>;
}

/** Where a consumer's time and chance come from. */
interface DeliveryMachine {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * @param publishLetter where dead letters go.
 * @param machine default this one's.
 */
export function deliveriesTo<Transaction>(
  { inbox, onError = console.error }: ConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
  publishLetter: Publish,
  { clock, random }: DeliveryMachine = { clock: systemClock, random: systemRandom },
): Deliveries {
  const closing = new AbortController();
  const stop = closing.signal;
  const running = new Set<Promise<unknown>>();
  const hear = (error: unknown): void => notify(onError, error);
  const backoff = exponentialBackoff({ baseMs: 100, capMs: 10_000 });

  const insist = async (call: () => Promise<unknown>): Promise<void> => {
    for (let [retry, previousDelayMs] = [1, 0]; !stop.aborted; retry += 1) {
      try {
        await call();
        return;
      } catch (error) {
        hear(error);
      }
      previousDelayMs = backoff({ retry, previousDelayMs, random });
      await sleep(clock, previousDelayMs, stop).catch(() => undefined);
    }
  };
  const settleDelivery = async (message: InboxMessage): Promise<"acknowledge" | "give-back"> => {
    const verdict = await inbox.handle(message, work);
    if (verdict.action !== "dead-letter") return verdict.action;
    let isWritten = false;
    await insist(async () => {
      const letter = letterOf(message, inbox.consumer, verdict, clock);
      await withinTime(clock, (signal) => publishLetter(letter, { signal }));
      isWritten = true;
    });
    return isWritten ? "acknowledge" : "give-back";
  };
  return {
    stop,
    onError: hear,
    insist,
    async handle(message) {
      const settled = settleDelivery(message);
      running.add(settled);
      try {
        return await settled;
      } finally {
        running.delete(settled);
      }
    },
    async close() {
      closing.abort();
      await Promise.allSettled(running);
    },
  };
}

/**
 * The id of a delivery by the option `id`. Where that throws, as for a body that it can't read, the id is one that names
 * nothing: the message is a dead letter, `unreadable`, and `onError` hears why.
 */
export function deliveryId<Delivery>(
  id: (delivery: Delivery) => string | undefined,
  delivery: Delivery,
  onError: (error: unknown) => void,
): string | undefined {
  try {
    return id(delivery);
  } catch (error) {
    onError(error);
    return "";
  }
}

async function withinTime<Value>(clock: Clock, call: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.timer(letterMsMax, () => {
    const error = new Error(`The broker did not take the dead letter within ${letterMsMax} ms.`);
    controller.abort(error);
    reject(error);
  });
  try {
    return await Promise.race([call(controller.signal), late]);
  } finally {
    cancel();
  }
}

/** What a broker takes of a reason, characters. */
const detailLengthMax = 500;

type Letter = Extract<InboxVerdict, { action: "dead-letter" }>;

/** A message as a dead letter: its bytes and its id, whose it is, and why. */
function letterOf(
  message: InboxMessage,
  consumer: string,
  { reason, detail }: Letter,
  clock: Pick<Clock, "now">,
): OutboxMessage {
  const { topic, headers, body } = message;
  const id = messageId(message);
  return {
    id: typeof id === "string" && id !== "" ? id : makeKey(),
    topic,
    orderingKey: undefined,
    headers: {
      ...headers,
      "dead-letter-consumer": consumer,
      "dead-letter-reason": reason,
      "dead-letter-detail": detail
        .slice(0, detailLengthMax)
        .toWellFormed()
        .replaceAll(/\p{Cc}+/gu, " "),
    },
    body,
    addedAt: clock.now(),
  };
}

/** Of headers of any kind those that are texts. */
export function textHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts);
}
