import type { Listener } from "../core/listener.ts";
import type { Intent, IntentAnswer, IntentOutcome, ListIntentsRequest } from "../stores/intent-store.ts";
import type { IntentEvent } from "./intent-event.ts";
import type { IntentInput } from "./intent-input.ts";

/** The outcome that a person found for an intent with an unknown outcome. */
export type FoundOutcome =
  | {
      readonly state: "done";
      /** Takes the place of the response that was lost; its body is empty by default. */
      readonly answer: Pick<IntentAnswer, "status"> & Partial<Pick<IntentAnswer, "headers" | "body">>;
    }
  | { readonly state: "failed" };

/** Requests that happen once, whatever becomes of the process that asked for them. */
export interface Intents extends AsyncDisposable {
  /**
   * Adds an intent and waits until it has ended. `id` is your own name for what you want, such as an order's: the same
   * id with the same request joins what is there already, also when that has ended; it never sends it anew.
   *
   * @param options.signal ends the waiting; the intent itself goes on.
   * @throws the signal's reason; what `add` throws; `ONCE_CLOSED` when `close()` comes first: the next process to resume
   *   sends it; `ONCE_OUTCOME_UNKNOWN` when the intent was removed from the store meanwhile.
   */
  submit(
    id: string,
    input: IntentInput,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<IntentOutcome>;
  /**
   * The same without the waiting: once it resolves, the key and the whole request are on disk. Nothing is sent before.
   *
   * @throws OnceAgainError `ONCE_INTENT_CONFLICT` when there is another request of that id; `ONCE_INTENTS_FULL`;
   *   `ONCE_INTENT_SECRET`; `ONCE_BODY_NOT_REPLAYABLE`; `ONCE_BODY_TOO_LARGE`; `ONCE_KEY_INVALID`;
   *   `ONCE_OPTION_INVALID` for a malformed id; `ONCE_STORE_UNAVAILABLE`: add it again, since it may be there;
   *   `ONCE_CLOSED`. TypeError, as `fetch` does, for an input that is no request.
   */
  add(id: string, input: IntentInput): Promise<Intent>;
  /**
   * Sends the intents that are pending in the store, also those of processes that died; call it when the process starts.
   * Resolves when no intent is pending, or `close()` was called. It waits for leases and delays that run.
   */
  resume(): Promise<void>;
  /** Calls `listener` for each event from now on; an error that it throws is dropped. Returns a function that ends that. */
  watch(listener: Listener<IntentEvent>): () => void;
  /** One intent; `undefined` if there is no intent of that id. */
  inspect(id: string): Promise<Intent | undefined>;
  /** Intents in the order of their ids, of one state or all. */
  list(request?: ListIntentsRequest): Promise<Intent[]>;
  /**
   * Ends an intent that is `unknown`, as you have found it when you looked its effect up: `done`, with a response that
   * `submit` resolves with from then on, or `failed`, if it had no effect. `false`: no intent of that id is `unknown`.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for a malformed outcome.
   */
  settle(id: string, outcome: FoundOutcome): Promise<boolean>;
  /**
   * Sends an intent that is `unknown` again, with the same key and bytes, within the time that it had. It is sent only where
   * `keys` says that its server honours keys, and ends as `unknown` again anywhere else. `false`: no intent of that id is
   * `unknown`.
   */
  sendAgain(id: string): Promise<boolean>;
  /**
   * Makes the store forget an intent that has ended, after which its id is as good as new, and the same request a new
   * one. For one that is `unknown`, `settle` it instead. `false`: there is no such intent, or it is pending.
   */
  forget(id: string): Promise<boolean>;
  /**
   * Removes every intent that is done or failed and past its retention, and returns how many: at once, instead of by
   * and by, as happens while intents are sent.
   */
  purge(): Promise<number>;
  /** `"memory"` where the store's intents end with this page or process: after a reload nothing of them is known. Else `"disk"`. */
  durability(): "disk" | "memory";
  /** Ends every attempt and gives the intents back, for the next process to resume. Nothing is lost. */
  close(): Promise<void>;
}

/** Durable intents that can be added within a transaction of your own. */
export interface TransactionalIntents<Transaction> extends Intents {
  /**
   * Adds an intent in your open transaction: it commits with what else you write there, or never was. Nothing is sent before
   * the commit, and within `pollMs` after it; `resume()` has it sent at once. Key and request are read before the first
   * statement.
   *
   * @param transaction what a handler is given as `execution.transaction`, or one of your own: see the store.
   * @throws OnceAgainError as `add`, and what your database says. Roll back then: after a failure PostgreSQL takes nothing else
   *   in that transaction.
   */
  addWithin(transaction: Transaction, id: string, input: IntentInput): Promise<Intent>;
}
