import { type Listener, notify } from "../core/events.ts";
import { carryOut, type CarryOutParts } from "./deliver-intent.ts";
import { closed, conflict, full } from "./intent-errors.ts";
import type { IntentEvent } from "./intent-event.ts";
import { readIntentInput } from "./intent-input.ts";
import { type IntentsOptions, intentsSettings } from "./intents-options.ts";
import type { Intents } from "./intents.ts";
import { outcomeOf, outcomes } from "./wait-for-outcome.ts";
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
 */
export function openIntents(options: IntentsOptions): Intents {
  const settings = intentsSettings(options);
  const { store, giveUpAfterMs, openMax } = settings;
  const stopping = new AbortController();
  const stop = stopping.signal;
  const { tell, watch } = listeners();
  const onFailure = (error: unknown): void => tell({ type: "fault", error });
  const calls = storeCalls(settings, stop, onFailure);
  const parts: CarryOutParts = {
    settings,
    calls,
    stop,
    tell: ({ id, key }, news) => tell({ ...news, id, key }),
  };
  const loop = sendingLoop(settings, calls, {
    stop,
    carryOut: (intent, claim) => carryOut(intent, claim, parts),
    onFailure,
  });
  const outcome = outcomes(settings, calls, { stop, watch, onFailure });

  const add: Intents["add"] = async (id, input) => {
    if (stop.aborted) throw closed();
    const request = await readIntentInput(id, input, settings);
    const answer = await calls.ask(() => store.add({ ...request, giveUpAfterMs, openMax }));
    if (answer.kind === "full") throw full(openMax);
    const { kind, intent } = answer;
    if (intent.fingerprint !== request.fingerprint) throw conflict(id);
    if (kind === "added") tell({ type: "added", id, key: intent.key });
    if (intent.state === "pending") loop.wake();
    return intent;
  };
  const close = async (): Promise<void> => {
    stopping.abort(closed());
    await loop.ended();
  };
  return {
    add,
    async submit(id, input, { signal = new AbortController().signal } = {}) {
      signal.throwIfAborted();
      const intent = await add(id, input);
      return intent.state === "pending" ? outcome(id, signal) : outcomeOf(intent);
    },
    async resume() {
      if (stop.aborted) throw closed();
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

function listeners(): { tell: (event: IntentEvent) => void; watch: Intents["watch"] } {
  const all = new Set<Listener<IntentEvent>>();
  return {
    tell(event) {
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
