import { askUntilAnswered } from "../../core/ask-until-answered.ts";
import { notify } from "../../core/listener.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { DeadlineTimer } from "../../core/deadline-timer.ts";
import { type WakeablePause, wakeablePause } from "../../core/wakeable-pause.ts";
import type { ClaimedBatch } from "../../stores/outbox-store.ts";
import { openPlaces } from "./places.ts";
import { type BatchEnd, type BatchParts, type Claim, publishBatch } from "./publish-batch.ts";
import { type RelayOptions, type RelaySettings, relaySettings } from "./relay-options.ts";

/** Publishes what is committed to an outbox. Any number of relays may share one, in as many processes. */
export interface Relay extends AsyncDisposable {
  /** Has it look at once, as after a commit of this process where the database does not wake it (MariaDB). */
  wake(): void;
  /** Resolves when it finds nothing to publish. What is parked, delayed, or another relay's is not waited for. */
  idle(): Promise<void>;
  /**
   * Hands nothing more to the broker, waits for what the broker has, at most `publishMsMax`, and gives the rest back.
   * Nothing is lost.
   */
  close(): Promise<void>;
}

/**
 * Opens a relay: it hands each committed message to the broker at least once, with the same id each time, and those of one
 * ordering key in the order of their commits. A message is removed when the broker has confirmed it.
 *
 * It begins at once, and keeps the process alive until `close()`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToRabbitmq(channel, { exchange: "shop" }) });
 * process.once("SIGTERM", () => relay.close());
 * ```
 */
export function openRelay(options: RelayOptions): Relay {
  const settings = relaySettings(options);
  const stopping = new AbortController();
  const stop = stopping.signal;
  const pause = wakeablePause(settings.clock);
  const idlers = new Set<() => void>();
  const loop = runLoop(settings, stop, pause, idlers);
  const close = async (): Promise<void> => {
    stopping.abort(
      new OnceAgainError("ONCE_CLOSED", "This relay is closed. What it did not publish stays in the outbox."),
    );
    pause.wake();
    await loop;
  };
  return {
    wake: () => pause.wake(),
    async idle() {
      if (stop.aborted) return;
      const found = new Promise<void>((resolve) => idlers.add(resolve));
      pause.wake();
      await found;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function runLoop(
  settings: RelaySettings,
  stop: AbortSignal,
  pause: WakeablePause,
  idlers: Set<() => void>,
): Promise<void> {
  const { clock, outbox, claimMax, loadMax, leaseMs, messagesPerKey, pollMs, publishMsMax, onEvent } = settings;
  const onFailure = (error: unknown): void => notify(onEvent, { type: "fault", error });
  const queue = confirmQueue(settings, stop, onFailure);
  const places = openPlaces(settings);
  const parts: BatchParts = { settings, stop, places, deadlines: new DeadlineTimer(clock) };
  const watch = outboxWatch(settings, () => pause.wake(), onFailure);
  const running = new Set<Promise<void>>();
  let load = 0;
  /** How often the relay had been woken when a whole round of claims found nothing. */
  let wakesOfEmptyRound = -1;

  const start = (batch: ClaimedBatch, claim: Claim): void => {
    let left = loadOf(batch);
    load += left;
    const onEnd = (): void => {
      [left, load] = [left - 1, load - 1];
    };
    const published = publishBatch(parts, batch, claim, onEnd)
      .then((end) => queue.write(end))
      // A function among the options threw. The messages are claimed again when their lease is over.
      .catch(onFailure)
      .finally(() => {
        load -= left;
        running.delete(published);
        // There was no room for more, or there may be more of its key.
        pause.wake();
      });
    running.add(published);
  };
  /** Claims what may be published, and says how long to wait then, milliseconds. */
  const claim = async (): Promise<number> => {
    const waiting = [...idlers];
    const limit = Math.min(claimMax, loadMax - load);
    if (limit <= 0) return pollMs;
    const owner = crypto.randomUUID();
    const [begunAt, wakes] = [clock.monotonic(), pause.wakes()];
    const endsAt = begunAt + leaseMs;
    const { batches, hasMore } = await outbox.claim({ owner, leaseMs, limit, messagesPerKey });
    if (batches.length > 0 && clock.monotonic() + publishMsMax > endsAt) onFailure(lateClaimError(settings));
    for (const batch of batches.flatMap(parted)) start(batch, { owner, endsAt });
    const isEmpty = batches.length === 0;
    if (hasMore) return isEmpty && wakesOfEmptyRound === wakes ? restPerWork * (clock.monotonic() - begunAt) : 0;
    if (isEmpty) wakesOfEmptyRound = wakes;
    if (running.size === 0) release(idlers, waiting);
    return pollMs;
  };
  while (!stop.aborted) {
    let waitMs = pollMs;
    try {
      watch.renew();
      places.release();
      waitMs = await claim();
    } catch (error) {
      onFailure(error);
    }
    if (!stop.aborted && waitMs > 0) await pause.wait(Math.min(pollMs, waitMs));
  }
  places.releaseAll();
  await watch.end();
  await Promise.all(running);
  release(idlers, [...idlers]);
}

/**
 * How long a relay rests after a claim that found nothing where nothing has changed, in times of that claim. Claims that go
 * through 100,000 keys behind parked messages would load the database without a pause.
 */
const restPerWork = 9;

/** The error of a claim after which no message may be published within its lease: all are given back, and claimed again. */
function lateClaimError({ leaseMs, publishMsMax }: Pick<RelaySettings, "leaseMs" | "publishMsMax">): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `A claim took so long that less than publishMsMax (${publishMsMax} ms) is left of leaseMs (${leaseMs} ms): nothing of it is published, ` +
      "and it is claimed again. If this goes on, give the relay a longer leaseMs, or the database more capacity.",
  );
}

/**
 * Messages without a key end one by one. Those of a key are leased by the oldest, until all have ended; those of a line end together,
 * so that few relays try its place at once.
 */
function parted(batch: ClaimedBatch): readonly ClaimedBatch[] {
  if (batch.orderingKey !== undefined || batch.line !== undefined) return [batch];
  return batch.messages.map((message) => ({ ...batch, messages: [message] }));
}

/** How many of its messages may be with the broker at a time. */
function loadOf({ orderingKey, messages }: ClaimedBatch): number {
  return orderingKey === undefined ? messages.length : 1;
}

function release(idlers: Set<() => void>, waiting: readonly (() => void)[]): void {
  for (const resolve of waiting) {
    idlers.delete(resolve);
    resolve();
  }
}

/** Writes how batches ended, in as few statements as there are while others are under way. */
interface ConfirmQueue {
  /** Resolves when it is written, or given up since the relay is closing and the database does not answer. */
  write(end: BatchEnd): Promise<void>;
}

/** How many messages one statement removes or gives back at most. */
const messagesMax = 1000;

/** How often a relay that is closing asks a database that fails. */
const closingTriesMax = 3;

/** @param onFailure called with each failure; what is not written is published again when its lease is over. */
function confirmQueue(
  { outbox, clock, pollMs }: Pick<RelaySettings, "outbox" | "clock" | "pollMs">,
  stop: AbortSignal,
  onFailure: (error: unknown) => void,
): ConfirmQueue {
  const waiting: { end: BatchEnd; resolve: () => void }[] = [];
  let isWriting = false;

  const rules = { clock, pauseMs: () => pollMs, stop, triesAfterStop: closingTriesMax, onFailure };
  const writeAll = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) {
      const batches = waiting.splice(0, messagesMax);
      // The lease of a key lies on its oldest message, which goes back last: until then the relay holds those behind it.
      const postponed = batches.flatMap(({ end }) => end.postponed).toReversed();
      const confirmed = batches.flatMap(({ end }) => end.confirmed);
      // A key is free for others when its oldest message is gone: by then the next one has its delay.
      for (const part of parts(postponed)) await askUntilAnswered(() => outbox.postpone(part), rules);
      for (const part of parts(confirmed)) await askUntilAnswered(() => outbox.confirm(part), rules);
      for (const { resolve } of batches) resolve();
    }
    isWriting = false;
  };
  return {
    write: (end) =>
      new Promise((resolve) => {
        waiting.push({ end, resolve });
        if (!isWriting) void writeAll();
      }),
  };
}

function parts<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / messagesMax);
  return Array.from({ length: count }, (_, index) => items.slice(index * messagesMax, (index + 1) * messagesMax));
}

/** Listens for new messages, where the database notifies. */
interface OutboxWatch {
  /** Begins to listen, unless it does; at most once in `pollMs`. */
  renew(): void;
  end(): Promise<void>;
}

/** @param onNews is called when something was added, or may have been. */
function outboxWatch(
  { outbox, clock, pollMs }: Pick<RelaySettings, "outbox" | "clock" | "pollMs">,
  onNews: () => void,
  onFailure: (error: unknown) => void,
): OutboxWatch {
  let state: "silent" | "listening" | "ended" = "silent";
  let triedAt = -Infinity;
  let unlisten = async (): Promise<void> => undefined;

  const lose = (error: unknown): void => {
    if (state !== "listening") return;
    state = "silent";
    onFailure(error);
    onNews();
  };
  const listen = async (): Promise<void> => {
    const end = await outbox.listen?.(onNews, lose);
    unlisten = async () => end?.();
    // It took its time.
    if (state === "ended") await unlisten();
    // Messages that were added before sent no notification here.
    else onNews();
  };
  return {
    renew() {
      if (state !== "silent" || clock.monotonic() - triedAt < pollMs) return;
      state = "listening";
      triedAt = clock.monotonic();
      listen().catch(lose);
    },
    async end() {
      state = "ended";
      await unlisten().catch(() => undefined);
    },
  };
}
