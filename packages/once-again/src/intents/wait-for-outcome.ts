import { sleep } from "../core/clock.ts";
import type { Listener } from "../core/listener.ts";
import type { Intent, IntentOutcome } from "../stores/intent-store.ts";
import { closedError, lostError } from "./intent-errors.ts";
import type { IntentEvent } from "./intent-event.ts";
import type { IntentsSettings } from "./intents-options.ts";
import type { StoreCalls } from "./retry-store-calls.ts";

/** Waits until an intent has ended, in whichever process. */
export type WaitForOutcome = (id: string, signal: AbortSignal) => Promise<IntentOutcome>;

/**
 * An event of this process ends the wait at once. For other processes the store is asked again and again.
 *
 * @returns a function that rejects with the signal's reason, `ONCE_CLOSED` or `ONCE_OUTCOME_UNKNOWN`, as `submit` does.
 */
export function outcomeWaiter(
  { clock, pollMs, store }: IntentsSettings,
  calls: StoreCalls,
  parts: {
    readonly stop: AbortSignal;
    readonly watch: (listener: Listener<IntentEvent>) => () => void;
    readonly onFailure: (error: unknown) => void;
  },
): WaitForOutcome {
  const lookUp = async (id: string): Promise<Intent | "gone" | "unreachable"> => {
    try {
      return (await calls.ask(() => store.inspect(id))) ?? "gone";
    } catch (error) {
      parts.onFailure(error);
      return "unreachable";
    }
  };
  return async (id, signal) => {
    const news = new AbortController();
    const unwatch = parts.watch((event) => {
      if (event.type === "ended" && event.id === id) news.abort();
    });
    const waiting = AbortSignal.any([signal, parts.stop, news.signal]);
    try {
      for (;;) {
        const intent = await lookUp(id);
        if (intent === "gone") throw lostError(id);
        if (intent !== "unreachable" && intent.state !== "pending") return outcomeOf(intent);
        signal.throwIfAborted();
        if (parts.stop.aborted) throw closedError();
        // The event may have come while we asked: then there is no pause.
        await sleep(clock, pollMs, waiting).catch(() => undefined);
      }
    } finally {
      unwatch();
    }
  };
}

/** How an intent that is not pending has ended. */
export function outcomeOf(intent: Intent & IntentOutcome): IntentOutcome {
  const { state } = intent;
  const why = "why" in intent ? { why: intent.why } : undefined;
  const answer = "answer" in intent ? { answer: intent.answer } : undefined;
  return { state, ...why, ...answer } as IntentOutcome;
}
