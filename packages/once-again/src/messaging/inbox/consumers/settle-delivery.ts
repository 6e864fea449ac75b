import { type Clock, sleep } from "../../../core/clock.ts";
import { logError } from "../../../core/error-log.ts";
import { type ErrorListener, notify } from "../../../core/listener.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { invalidOptionError, type NumberBounds } from "../../../core/options.ts";
import { hasMethod } from "../../../core/duck-typing.ts";
import { type Random, systemRandom } from "../../../core/random.ts";
import { waitQueue } from "../../../core/semaphore.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { exponentialBackoff } from "../../../retry/index.ts";
import type { Publish } from "../../outbox/publish.ts";
import type { Inbox, MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
import { deadLetter, type LetterParts } from "./dead-letter.ts";

/** Messages that flow into an inbox. */
export interface Consumer extends AsyncDisposable {
  /**
   * Takes no more messages, waits for the work that runs, and gives the others back to the broker. It does not matter whether
   * the inbox is closed before, after or at the same time: when its inbox closes, a consumer does the same by itself. Bounded by
   * the inbox's `handlerMsMax` and `storeMsMax`, and 10 seconds for the broker, also while the store or the broker is away.
   */
  close(): Promise<void>;
}

/** Options of all consumers. */
export interface ConsumerOptions<Transaction> {
  /** Its consumer's name is the scope of the effects. It stays yours: `close()` does not close it. */
  readonly inbox: Inbox<Transaction>;
  /**
   * Is called when messages can't be taken, or dead letters not be written, at present, and for each error of the client that
   * has no other place; default one line each by `console.error`, counted when they repeat.
   */
  readonly onError?: ErrorListener | undefined;
}

const commonNames = { inbox: true, id: true, onError: true } as const;

/** How many messages may be handled at a time. */
export const concurrencyRule: NumberBounds = { min: 1, max: 1000, integer: true };

/**
 * @param names the options that it has beside those of all consumers.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a value that is no inbox, and for a work that is no function.
 */
export function checkConsumer<Options extends { readonly inbox: unknown }>(
  reader: string,
  options: Options,
  work: unknown,
  names: Omit<OptionNames<Options>, keyof typeof commonNames>,
): void {
  checkNames(reader, options, { ...names, ...commonNames });
  const { inbox } = options;
  if (!hasMethod(inbox, "handle")) throw invalidOptionError("inbox", "what openInbox() gives", typeof inbox);
  if (typeof work !== "function") throw invalidOptionError("work", "a function", work);
}

/** How long the broker may take for a dead letter, and for the end of a consumer, milliseconds. */
export const brokerMsMax = 10_000;

/** The inbox and the work to which a consumer hands its deliveries. */
export interface Deliveries {
  /** Aborts when the consumer closes, or its inbox gives the first message back: take nothing more then. */
  readonly stop: AbortSignal;
  readonly onError: (error: unknown, id?: string) => void;
  /** Resolves when the inbox's store can be reached, or the consumer stops: take nothing before. */
  ready(): Promise<void>;
  /**
   * Handles a message. With `acknowledge`, its effect is there, or it is a stored dead letter. With `give-back`, `stop` has
   * aborted: return the message when the broker delivers nothing more here, or it is delivered here again at once.
   *
   * @param letter what its dead letter has beside the message.
   */
  handle(message: InboxMessage, letter?: LetterParts): Promise<"acknowledge" | "give-back">;
  /** Calls again what fails, after longer and longer pauses, until it succeeds or the consumer stops. Calls at least once. */
  insist(call: () => Promise<unknown>): Promise<void>;
  /** Stops, and resolves when everything under way is decided. */
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
  { inbox, onError = logError }: ConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
  publishLetter: Publish,
  { clock, random }: DeliveryMachine = { clock: systemClock, random: systemRandom },
): Deliveries {
  const closing = new AbortController();
  const stop = closing.signal;
  const running = new Set<Promise<unknown>>();
  const report = (error: unknown, id?: string): void =>
    notify(onError, error, { room: "consumer", consumer: inbox.consumer, id });
  const backoff = exponentialBackoff({ baseMs: 100, capMs: 10_000 });

  const insist = async (call: () => Promise<unknown>, id?: string): Promise<void> => {
    let [retry, previousDelayMs] = [0, 0];
    do {
      try {
        await call();
        return;
      } catch (error) {
        report(error, id);
      }
      retry += 1;
      previousDelayMs = backoff({ retry, previousDelayMs, random });
      await sleep(clock, previousDelayMs, stop).catch(() => undefined);
    } while (!stop.aborted);
  };
  const settle = async (message: InboxMessage, parts?: LetterParts): Promise<"acknowledge" | "give-back"> => {
    const verdict = await inbox.handle(message, work, { signal: stop });
    if (verdict.action === "give-back") closing.abort();
    if (verdict.action !== "dead-letter") return verdict.action;
    let isWritten = false;
    await insist(async () => {
      const letter = deadLetter(message, inbox.consumer, verdict, clock, parts);
      const late = "The broker did not take the dead letter";
      await withinTime(brokerMsMax, late, (signal) => publishLetter(letter, { signal }), clock);
      isWritten = true;
    }, message.id);
    if (!isWritten) closing.abort();
    return isWritten ? "acknowledge" : "give-back";
  };
  return {
    stop,
    onError: report,
    insist,
    ready: async () => inbox.ready?.({ signal: stop }),
    async handle(message, parts) {
      // The broker sent it before it knew.
      if (stop.aborted) return "give-back";
      const settled = settle(message, parts);
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

/** The messages of a consumer that are handled now. */
export interface Handlings {
  /** How many more there may be. */
  room(): number;
  /** Resolves when there may be one more, or the consumer stops. */
  waitForRoom(): Promise<void>;
  /** Adds one. Where it fails, its broker delivers it again. */
  add(handling: Promise<void>): void;
  /** Resolves when all of them have ended. */
  ended(): Promise<unknown>;
}

export function handlingsOf({ stop, onError }: Pick<Deliveries, "stop" | "onError">, max: number): Handlings {
  const running = new Set<Promise<void>>();
  /** Woken when one ends. */
  const free = waitQueue();
  return {
    room: () => max - running.size,
    async waitForRoom() {
      if (running.size >= max) await free.wait(stop).catch(() => undefined);
    },
    add(handling) {
      const handled: Promise<void> = handling
        .catch((error: unknown) => onError(error))
        .finally(() => {
          running.delete(handled);
          free.wakeFirst();
        });
      running.add(handled);
    },
    ended: () => Promise.all(running),
  };
}

/**
 * A consumer that ends once, by its `close()` or when its inbox closes.
 *
 * @param late the message of the error when its end takes longer than the broker may.
 * @param end waits for what runs, gives the rest back and leaves the broker; nothing is taken any more by then.
 */
export function endingConsumer(deliveries: Deliveries, late: string, end: () => Promise<unknown>): Consumer {
  let ended: Promise<void> | undefined;
  const endOnce = (): Promise<void> =>
    (ended ??= deliveries
      .close()
      .then(() => withinTime(brokerMsMax, late, end))
      .then(
        () => undefined,
        (error: unknown) => deliveries.onError(error),
      ));
  // A turn later: what ends a consumer is still about to give its message back.
  deliveries.stop.addEventListener("abort", () => queueMicrotask(() => void endOnce()), { once: true });
  const close = async (): Promise<void> => endOnce();
  return { close, [Symbol.asyncDispose]: close };
}

/**
 * The id of a delivery by the option `id`. Where that throws, as for a body that it can't read, the id is one that names
 * nothing: the message is a dead letter, `unreadable`, and `onError` is called with the reason.
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

/** @throws Error `late`, when the call takes longer than `msMax` milliseconds; its signal aborts then. */
export async function withinTime<Value>(
  msMax: number,
  late: string,
  call: (signal: AbortSignal) => Promise<Value>,
  clock: Clock = systemClock,
): Promise<Value> {
  const controller = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const cancel = clock.timer(msMax, () => {
    const error = new Error(`${late} within ${msMax} ms.`);
    // First, so that the reason is the time, and not the end of the call that it aborts.
    reject(error);
    controller.abort(error);
  });
  try {
    return await Promise.race([call(controller.signal), over]);
  } finally {
    cancel();
  }
}

/** Of headers of any kind those that are texts. */
export function textHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts);
}

/** Headers as a publisher writes them into one text; of anything else none. */
export function writtenHeaders(json = "{}"): Record<string, string> {
  try {
    return textHeaders(JSON.parse(json) as Record<string, unknown>);
  } catch {
    return {};
  }
}

/**
 * Says again and again that a message is being handled. A call that throws or rejects goes to `onError`.
 *
 * @returns a function that stops it, and resolves when no such call is under way any more: one that is executed later would take back
 *   that the message was given back.
 */
export function repeatSign(
  everyMs: number,
  call: () => unknown,
  { onError }: Pick<Deliveries, "onError">,
): () => Promise<void> {
  let cancel = (): void => undefined;
  let underWay = Promise.resolve();
  const next = (): void => {
    cancel = systemClock.timer(everyMs, () => {
      const called = (async () => call())().catch(onError);
      underWay = Promise.all([underWay, called]).then(() => undefined);
      next();
    });
  };
  next();
  return () => {
    cancel();
    return underWay;
  };
}
