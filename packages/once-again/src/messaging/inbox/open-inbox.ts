import { askUntilAnswered } from "../../core/ask-until-answered.ts";
import { sleep } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { keyQueue } from "../../core/key-queue.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { bytesCodec } from "../../engine/engine.ts";
import { openEngine } from "../../engine/open-engine.ts";
import {
  checkPosition,
  type InboxMessage,
  messageFingerprint,
  messageId,
  messageProblem,
  type ReadableMessage,
} from "./inbox-message.ts";
import { inboxEngineOptions, type InboxOptions, inboxSettings } from "./inbox-options.ts";
import { handleOnce, type InboxParts } from "./handle-once.ts";
import { type Handled, isWorn, type Undecidable, verdictAfterTries } from "./inbox-decisions.ts";
import type { HandleOptions, Inbox, InboxVerdict, MessageWork } from "./inbox.ts";
import { type AloneParts, tryAlone } from "./try-alone.ts";
import { sharedExclusiveLock } from "./shared-exclusive-lock.ts";

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
export function openInbox<Transaction = undefined>(options: InboxOptions<Transaction>): Inbox<Transaction> {
  const settings = inboxSettings(options);
  const room = openEngine<Transaction>({ ...options, ...inboxEngineOptions(options) });
  const { engine, lookUp, discard, moveMark } = room;
  // Its claims are held for as long as a message is tried, whatever becomes of it: see `tryAlone`.
  const notes = room.openBeside({
    takeOverAfterMs: undefined,
    finishes: false,
    handlerMsMax: Infinity,
    onEvent: undefined,
  });
  const { onError } = room.options;
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();
  const [inTurn, lock, tries] = [keyQueue(), sharedExclusiveLock(), tryCounts()];

  const handle: Inbox<Transaction>["handle"] = async (message, work, { signal } = {}) => {
    checkDelivery(message, work, moveMark !== undefined);
    const named = { ...message, id: messageId(message) };
    const problem = messageProblem(named);
    if (problem !== undefined) return { action: "dead-letter", reason: "unreadable", detail: problem };
    const isStopped = (): boolean => stopping.signal.aborted || signal?.aborted === true;
    const stop = { isStopped, signals: [stopping.signal, ...(signal === undefined ? [] : [signal])] };
    const { id, topic } = named;
    const about = { room: "inbox", consumer: settings.consumer, id, topic };
    const report = (error: unknown): void => onError(error, about);
    const alone = { settings, lock, notes, discard, isStopped, onError: report };
    const parts = { settings, engine, lookUp, moveMark, onError: report, alone, stop, tries };
    const run = (): Promise<InboxVerdict> =>
      handleUntilDecided(parts, named as ReadableMessage, message.id !== undefined, work);
    const handled = message.position === undefined ? run() : inTurn(message.position.partition, run);
    running.add(handled);
    try {
      return await handled;
    } finally {
      running.delete(handled);
    }
  };
  const ready = async ({ signal }: HandleOptions = {}): Promise<void> => {
    const { backoff, clock, random, consumer: scope } = settings;
    const signals = signal === undefined ? [stopping.signal] : [stopping.signal, signal];
    let previousDelayMs = 0;
    await askUntilAnswered(() => lookUp({ scope, key: "ready" }), {
      clock,
      pauseMs: (retry) => (previousDelayMs = backoff({ retry, previousDelayMs, random })),
      stop: AbortSignal.any(signals),
      triesAfterStop: 0,
      onFailure: (error) => onError(error, { room: "inbox", consumer: scope }),
    });
  };
  const close = async (): Promise<void> => {
    stopping.abort(new OnceAgainError("ONCE_CLOSED", "This inbox is closed."));
    await engine.close();
    await notes.close();
    await Promise.all(running);
  };
  const hasMarks = moveMark !== undefined;
  const { consumer, deliveriesMax } = settings;
  return { consumer, hasMarks, deliveriesMax, handle, ready, close, [Symbol.asyncDispose]: close };
}

const noMarks = 'missing, or the inbox one with mode: "transactional" on a store that has high-water marks';

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no message or no work, and for a position without a mark. */
function checkDelivery(message: InboxMessage, work: unknown, hasMarks: boolean): void {
  if (typeof message !== "object" || message === null) throw invalidOptionError("message", "an object", message);
  if (typeof work !== "function") throw invalidOptionError("work", "a function", work);
  const { deliveries, position, topic } = message;
  if (typeof topic !== "string") throw invalidOptionError("topic", "a text", topic);
  if (deliveries !== undefined) checkNumber("deliveries", deliveries, { min: 1, integer: true });
  if (position === undefined) return;
  checkPosition(position);
  if (!hasMarks) throw invalidOptionError("position", noMarks, position);
}

/**
 * Counts how often messages failed while this inbox has them. A broker may deliver a message again while it is handled: all
 * its deliveries share one count, or a message that always fails would begin anew with each.
 */
function tryCounts() {
  const counts = new Map<string, { failures: number; deliveries: number }>();
  return (id: string) => {
    const count = counts.get(id) ?? { failures: 0, deliveries: 0 };
    counts.set(id, count);
    count.deliveries += 1;
    return {
      /** @returns how often it has failed by now. */
      fail: (): number => (count.failures += 1),
      end(): void {
        count.deliveries -= 1;
        if (count.deliveries === 0) counts.delete(id);
      },
    };
  };
}

interface DecidingParts<Transaction> extends InboxParts<Transaction> {
  readonly tries: ReturnType<typeof tryCounts>;
  readonly alone: AloneParts;
  readonly stop: { isStopped(): boolean; readonly signals: AbortSignal[] };
}

/**
 * Tries a message until it is known what becomes of it, or it is given back.
 *
 * @param hasId whether its producer named it: its id is then remembered, also beside a mark.
 */
async function handleUntilDecided<Transaction>(
  parts: DecidingParts<Transaction>,
  message: ReadableMessage,
  hasId: boolean,
  work: MessageWork<Transaction>,
): Promise<InboxVerdict> {
  const { settings, stop, alone } = parts;
  const { backoff, clock, random, consumer: scope } = settings;
  const named = { scope, key: message.id, fingerprint: await messageFingerprint(message), codec: bytesCodec };
  const operation = hasId ? named : undefined;
  const attempt = (): Promise<Handled | Undecidable> => handleOnce(parts, operation, message, work);
  const giveUp = (): Promise<Handled | Undecidable> => handleOnce(parts, operation, message, undefined);
  // A delivery is no try: what a consumer gave back when it closed was not tried.
  const tries = parts.tries(message.id);
  let [retry, previousDelayMs] = [0, 0];
  try {
    while (!stop.isStopped()) {
      const handled: Handled | Undecidable = isWorn(message, settings)
        ? await tryAlone(alone, message, attempt, giveUp)
        : await alone.lock.together(attempt);
      if ("verdict" in handled) return handled.verdict;
      if ("fault" in handled) throw handled.fault;
      if (handled.isFailure) {
        const verdict = verdictAfterTries(tries.fail(), handled, settings);
        if (verdict !== undefined) return verdict;
      }
      retry += 1;
      previousDelayMs = handled.delayMs ?? backoff({ retry, previousDelayMs, random });
      await sleep(clock, previousDelayMs, AbortSignal.any(stop.signals)).catch(() => undefined);
    }
  } finally {
    tries.end();
  }
  return { action: "give-back" };
}
