import { askUntilAnswered } from "../../core/ask-until-answered.ts";
import type { PostponeRequest } from "../../stores/outbox-store.ts";
import type { RelaySettings } from "./relay-options.ts";

/** How the messages of one batch ended: the positions of those that the broker has confirmed, and those given back. */
export interface BatchEnd {
  readonly confirmed: readonly string[];
  readonly postponed: readonly PostponeRequest[];
}

/** Writes how batches ended, in as few statements as there are while others are under way. */
export interface ConfirmQueue {
  /** Resolves when it is written, or given up since the relay is closing and the database does not answer. */
  write(end: BatchEnd): Promise<void>;
}

/** How many messages one statement removes or gives back at most. */
const messagesMax = 1000;

/** How often a relay that is closing asks a database that fails. */
const closingTriesMax = 3;

/** @param onFailure called with each failure; what is not written is published again when its lease is over. */
export function confirmQueue(
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
