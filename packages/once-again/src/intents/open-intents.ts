import { type Listener, notify } from "../core/events.ts";
import { deliverIntent, type DeliveryParts } from "./deliver-intent.ts";
import { closedError, conflictError, fullError } from "./intent-errors.ts";
import type { IntentEvent } from "./intent-event.ts";
import { readIntentInput } from "./intent-input.ts";
import { type IntentsOptions, intentsSettings } from "./intents-options.ts";
import type { Intents } from "./intents.ts";
import { outcomeOf, outcomeWaiter } from "./wait-for-outcome.ts";
import { purgeMax, sendingLoop } from "./sending-loop.ts";
import { storeCalls } from "./store-calls.ts";

/**
 * Opens durable intents: the key and the whole request are on disk before the first byte is sent, so that a process
 * that dies sends the same bytes with the same key when it comes back. Meanwhile an intent has one owner at a time, by
 * a lease, however many processes share the store.
 *
 * Nothing is sent before the first `submit`, `add` or `resume`. From then on the process is kept alive until `close()`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 *
 * @example
 * ```ts
 * await using intents = openIntents({ store: sqliteIntents({ path: "intents.db" }) });
 * void intents.resume();
 * const outcome = await intents.submit("order-42", { url: "https://shop.example/orders", body });
 * ```
 */
export function openIntents(options: IntentsOptions): Intents {
  const settings = intentsSettings(options);
  const { store, giveUpAfterMs, openMax } = settings;
  const stopping = new AbortController();
  const stop = stopping.signal;
  const { emit, watch } = listeners();
  const onFailure = (error: unknown): void => emit({ type: "fault", error });
  const calls = storeCalls(settings, stop, onFailure);
  const parts: DeliveryParts = {
    settings,
    calls,
    stop,
    emit: ({ id, key }, news) => emit({ ...news, id, key }),
  };
  const loop = sendingLoop(settings, calls, {
    stop,
    deliver: (intent, claim) => deliverIntent(intent, claim, parts),
    onFailure,
  });
  const waitForOutcome = outcomeWaiter(settings, calls, { stop, watch, onFailure });

  const add: Intents["add"] = async (id, input) => {
    if (stop.aborted) throw closedError();
    const request = await readIntentInput(id, input, settings);
    const answer = await calls.ask(() => store.add({ ...request, giveUpAfterMs, openMax }));
    if (answer.kind === "full") throw fullError(openMax);
    const { kind, intent } = answer;
    if (intent.fingerprint !== request.fingerprint) throw conflictError(id);
    if (kind === "added") emit({ type: "added", id, key: intent.key });
    if (intent.state === "pending") loop.wake();
    return intent;
  };
  const close = async (): Promise<void> => {
    stopping.abort(closedError());
    await loop.ended();
  };
  return {
    add,
    async submit(id, input, { signal = new AbortController().signal } = {}) {
      signal.throwIfAborted();
      const intent = await add(id, input);
      return intent.state === "pending" ? waitForOutcome(id, signal) : outcomeOf(intent);
    },
    async resume() {
      if (stop.aborted) throw closedError();
      const idle = loop.idle();
      loop.wake();
      await idle;
    },
    watch,
    inspect: (id) => calls.ask(() => store.inspect(id)),
    list: (request = {}) => calls.ask(() => store.list(request)),
    forget: (id) => calls.ask(() => store.forget(id)),
    async purge() {
      for (let total = 0; ;) {
        const purged = await calls.ask(() => store.purge({ limit: purgeMax }));
        total += purged;
        if (purged < purgeMax) return total;
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listeners(): { emit: (event: IntentEvent) => void; watch: Intents["watch"] } {
  const all = new Set<Listener<IntentEvent>>();
  return {
    emit(event) {
      for (const listener of all) notify(listener, event);
    },
    watch(listener) {
      // One that is given twice hears twice.
      const own: Listener<IntentEvent> = (event) => listener(event);
      all.add(own);
      return () => void all.delete(own);
    },
  };
}
