import { type Listener, notify } from "../core/listener.ts";
import { checkNumber, invalidOptionError } from "../core/options.ts";
import type {
  AddIntentAnswer,
  AddIntentRequest,
  IntentOutcome,
  TransactionalIntentStore,
} from "../stores/intent-store.ts";
import { deliverIntent, type DeliveryParts } from "./deliver-intent.ts";
import { closedError, conflictError, fullError } from "./intent-errors.ts";
import type { IntentEvent } from "./intent-event.ts";
import { type IntentInput, readIntentInput } from "./intent-input.ts";
import { type IntentsOptions, type IntentsSettings, intentsSettings } from "./intents-options.ts";
import type { FoundOutcome, Intents, TransactionalIntents } from "./intents.ts";
import { outcomeOf, outcomeWaiter } from "./wait-for-outcome.ts";
import { rememberedIntents } from "./remembered-intents.ts";
import { purgeMax, sendingLoop } from "./sending-loop.ts";
import { retryStoreCalls, type StoreCalls } from "./retry-store-calls.ts";

/**
 * Opens durable intents: the key and the whole request are on disk before the first byte is sent, so that a process
 * that dies sends the same bytes with the same key when it comes back. Meanwhile an intent has one owner at a time, by
 * a lease, however many processes share the store.
 *
 * Nothing is sent before the first `submit`, `add` or `resume`. From then on the process stays alive until `close()`.
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
export function openIntents<Transaction>(
  options: IntentsOptions & { readonly store: TransactionalIntentStore<Transaction> },
): TransactionalIntents<Transaction>;
export function openIntents(options: IntentsOptions): Intents;
export function openIntents<Transaction>(options: IntentsOptions): Intents | TransactionalIntents<Transaction> {
  const settings = intentsSettings(options);
  const { store } = settings;
  const stopping = new AbortController();
  const stop = stopping.signal;
  const { emit, watch } = listeners();
  const onFailure = (error: unknown): void => emit({ type: "fault", error });
  const calls = retryStoreCalls(settings, stop, onFailure);
  const parts: DeliveryParts = {
    settings,
    calls,
    stop,
    emit: ({ id, key }, news) => emit({ ...news, id, key }),
  };
  const loop = sendingLoop(settings, calls, {
    stop,
    deliver: (intent, grant) => deliverIntent(intent, grant, parts),
    onFailure,
  });
  const waitForOutcome = outcomeWaiter(settings, calls, { stop, watch, onFailure });

  const remembered = rememberedIntents(settings);
  watch((event) => {
    if (event.type === "ended") remembered.noteEnd(event.id, event.outcome);
  });
  const adding = intentAdder(settings, stop, () => loop.wake());
  const add: Intents["add"] = async (id, input) => {
    const { kind, intent } = await adding(id, input, (request) => calls.ask(() => remembered.add(request)));
    if (kind === "added") emit({ type: "added", id, key: intent.key });
    return intent;
  };
  const addWithin: TransactionalIntents<Transaction>["addWithin"] = async (transaction, id, input) => {
    const { addWithin: within } = store as Partial<TransactionalIntentStore<Transaction>>;
    if (within === undefined)
      throw invalidOptionError("store", "one of intents that takes your transactions", "another");
    // A statement that failed in a transaction can't be asked for again.
    return (await adding(id, input, (request) => within(transaction, request))).intent;
  };
  const close = async (): Promise<void> => {
    stopping.abort(closedError());
    await loop.ended();
  };
  return {
    add,
    addWithin,
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
    inspect: (id) => calls.ask(() => remembered.inspect(id)),
    list: (request = {}) => calls.ask(() => store.list(request)),
    ...settlements(settings, calls, stop, () => loop.wake()),
    forget: (id) => calls.ask(() => remembered.forget(id)),
    purge: () => purgeAll(settings, calls),
    durability: () => store.durability?.() ?? "disk",
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function purgeAll({ store }: IntentsSettings, calls: StoreCalls): Promise<number> {
  for (let total = 0; ;) {
    const purged = await calls.ask(() => store.purge({ limit: purgeMax }));
    total += purged;
    if (purged < purgeMax) return total;
  }
}

/** The decisions of people about an intent that is unknown. */
function settlements(
  { retentionMs, store }: IntentsSettings,
  calls: StoreCalls,
  stop: AbortSignal,
  wake: () => void,
): Pick<Intents, "settle" | "sendAgain"> {
  return {
    async settle(id, found) {
      const outcome = readFoundOutcome(found);
      return calls.ask(() => store.settle({ id, outcome, retentionMs }));
    },
    async sendAgain(id) {
      if (stop.aborted) throw closedError();
      const isReopened = await calls.ask(() => store.reopen(id));
      if (isReopened) wake();
      return isReopened;
    },
  };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function readFoundOutcome(found: FoundOutcome): IntentOutcome {
  if (found?.state === "failed") return { state: "failed", why: "settled" };
  if (found?.state !== "done" || typeof found.answer !== "object") {
    throw invalidOptionError("outcome", '{ state: "done", answer: { status } } or { state: "failed" }', found);
  }
  const { status, headers = [], body = new Uint8Array() } = found.answer;
  checkNumber("outcome.answer.status", status, { min: 200, max: 599, integer: true });
  return { state: "done", answer: { status, headers, body, truncated: false } };
}

type Added = Exclude<AddIntentAnswer, { kind: "full" }>;

/** Reads an intent's input, and adds the intent. */
function intentAdder(settings: IntentsSettings, stop: AbortSignal, wake: () => void) {
  const { giveUpAfterMs, openMax } = settings;
  return async (
    id: string,
    input: IntentInput,
    store: (request: AddIntentRequest) => Promise<AddIntentAnswer>,
  ): Promise<Added> => {
    if (stop.aborted) throw closedError();
    const request = await readIntentInput(id, input, settings);
    const answer = await store({ ...request, giveUpAfterMs, openMax });
    if (answer.kind === "full") throw fullError(openMax);
    if (answer.intent.fingerprint !== request.fingerprint) throw conflictError(id);
    if (answer.intent.state === "pending") wake();
    return answer;
  };
}

function listeners(): { emit: (event: IntentEvent) => void; watch: Intents["watch"] } {
  const all = new Set<Listener<IntentEvent>>();
  return {
    emit(event) {
      for (const listener of all) notify(listener, event);
    },
    watch(listener) {
      // A function of its call, so that a listener that was added twice is called twice.
      const own: Listener<IntentEvent> = (event) => listener(event);
      all.add(own);
      return () => void all.delete(own);
    },
  };
}
