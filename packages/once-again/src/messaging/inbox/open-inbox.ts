import { sleep } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { bytesCodec } from "../../engine/codec.ts";
import { openEngine } from "../../engine/open-engine.ts";
import { checkEngineOptions } from "../../engine/options.ts";
import { storeDoor } from "../../engine/store-door.ts";
import { publicEngine } from "../../engine/work-attempt.ts";
import {
  checkPosition,
  type InboxMessage,
  messageFingerprint,
  messageId,
  messageProblem,
  type ReadableMessage,
} from "./inbox-message.ts";
import {
  inboxEngineOptions,
  type InboxOptions,
  inboxSettings,
  type LeasedInboxOptions,
  type TransactionalInboxOptions,
} from "./inbox-options.ts";
import { handleOnce, type InboxParts } from "./handle-once.ts";
import { type Handled, verdictAfterTries } from "./inbox-decisions.ts";
import type { Inbox, InboxVerdict, MessageWork } from "./inbox.ts";

/**
 * Opens the inbox of one consumer: brokers deliver a message at least once, and its effect happens once. Acknowledge what
 * `handle` says is to be acknowledged, and nothing before.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const inbox = openInbox({ mode: "transactional", store: postgresStore(pool), consumer: "billing" });
 * const consumer = await consumeRabbitmq(connection, { inbox, queue: "billing" }, async (message, { transaction }) => {
 *   const { order } = readJson(message) as { order: string };
 *   await transaction.query("INSERT INTO invoices (order_id) VALUES ($1)", [order]);
 * });
 * ```
 */
export function openInbox(options: LeasedInboxOptions): Inbox;
export function openInbox<Transaction>(options: TransactionalInboxOptions<Transaction>): Inbox<Transaction>;
export function openInbox<Transaction>(options: InboxOptions<Transaction>): Inbox<Transaction> {
  const settings = inboxSettings(options);
  const engineOptions = checkEngineOptions(inboxEngineOptions(options));
  const door = storeDoor<Transaction>(options.store, engineOptions);
  const engine = publicEngine(openEngine(options, engineOptions, door));
  // The Transaction of a leased inbox is undefined, and it has no marks.
  const moveMark = options.mode === "transactional" ? door.moveMark : undefined;
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();
  const inTurn = partitionTurns();

  const handle = async (message: InboxMessage, work: MessageWork<Transaction>): Promise<InboxVerdict> => {
    if (typeof message !== "object" || message === null) throw invalidOptionError("message", "an object", message);
    if (typeof work !== "function") throw invalidOptionError("work", "a function", work);
    const { deliveries, position, topic } = message;
    if (typeof topic !== "string") throw invalidOptionError("topic", "a text", topic);
    checkNumber("deliveries", deliveries ?? 1, { min: 1, integer: true });
    if (position !== undefined) {
      checkPosition(position);
      if (moveMark === undefined) throw invalidOptionError("position", noMarks, position);
    }
    const named = { ...message, id: messageId(message) };
    const problem = messageProblem(named);
    if (problem !== undefined) return { action: "dead-letter", reason: "unreadable", detail: problem };
    const parts = { settings, engine, door, moveMark, stop: stopping.signal, onError: engineOptions.onError };
    const handled = inTurn(position?.partition, () =>
      handleUntilDecided(parts, named as ReadableMessage, message.id !== undefined, work),
    );
    running.add(handled);
    try {
      return await handled;
    } finally {
      running.delete(handled);
    }
  };
  const close = async (): Promise<void> => {
    stopping.abort(new OnceAgainError("ONCE_CLOSED", "This inbox is closed."));
    await engine.close();
    await Promise.all(running);
  };
  const hasMarks = moveMark !== undefined;
  return { consumer: settings.consumer, hasMarks, handle, close, [Symbol.asyncDispose]: close };
}

const noMarks = 'missing, or the inbox one with mode: "transactional" on a store that has high-water marks';

/** Runs calls for one partition one after the other, in the order in which they came; others are not held up. */
function partitionTurns() {
  const last = new Map<string, Promise<unknown>>();
  return async <Value>(partition: string | undefined, call: () => Promise<Value>): Promise<Value> => {
    if (partition === undefined) return call();
    const before = last.get(partition);
    const called = before === undefined ? call() : before.then(call, call);
    last.set(partition, called);
    try {
      return await called;
    } finally {
      if (last.get(partition) === called) last.delete(partition);
    }
  };
}

/**
 * Tries a message until it is known what becomes of it, or the inbox closes.
 *
 * @param hasId whether its producer named it: its id is then remembered, also beside a mark.
 */
async function handleUntilDecided<Transaction>(
  parts: InboxParts<Transaction>,
  message: ReadableMessage,
  hasId: boolean,
  work: MessageWork<Transaction>,
): Promise<InboxVerdict> {
  const { settings, stop } = parts;
  const { backoff, clock, deliveriesMax, random } = settings;
  const { consumer: scope } = settings;
  const operation = { scope, key: message.id, fingerprint: await messageFingerprint(message), codec: bytesCodec };
  let tries = (message.deliveries ?? 1) - 1;
  let [retry, previousDelayMs] = [0, 0];
  while (!stop.aborted) {
    const isLast = tries >= deliveriesMax;
    const handled: Handled = await handleOnce(parts, hasId ? operation : undefined, message, isLast ? undefined : work);
    if ("verdict" in handled) return handled.verdict;
    if (handled.isFailure) {
      tries += 1;
      const verdict = verdictAfterTries(tries, handled, settings);
      if (verdict !== undefined) return verdict;
    }
    retry += 1;
    previousDelayMs = handled.delayMs ?? backoff({ retry, previousDelayMs, random });
    await sleep(clock, previousDelayMs, stop).catch(() => undefined);
  }
  return { action: "give-back" };
}
