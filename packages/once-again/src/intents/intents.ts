import type { Listener } from "../core/events.ts";
import type { Intent, IntentAnswer, IntentOutcome, ListIntentsRequest } from "../stores/intent-store.ts";
import type { IntentEvent } from "./intent-event.ts";
import type { IntentInput } from "./intent-input.ts";

/** What a person found of an intent whose outcome was unknown. */
export type FoundOutcome =
  | {
      readonly state: "done";
      /** What stands for the response that was lost; its body is empty by default. */
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
   * @throws the signal's reason; what `add` throws; `ONCE_CLOSED` when `close()` comes first: whoever resumes carries
   *   it on; `ONCE_OUTCOME_UNKNOWN` when somebody made the store forget it meanwhile.
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
   *   `ONCE_OPTION_INVALID` for an id that is none; `ONCE_STORE_UNAVAILABLE`: add it again, since it may be there;
   *   `ONCE_CLOSED`. TypeError, as `fetch` does, for what is no request.
   */
  add(id: string, input: IntentInput): Promise<Intent>;
  /**
   * Carries on whatever is pending in the store, also what others left who died; call it when the process starts.
   * Resolves when nothing is pending, or we were closed. Those whose lease or delay runs are waited for.
   */
  resume(): Promise<void>;
  /** Hears what happens from now on; what it throws is dropped. Returns what ends that. */
  watch(listener: Listener<IntentEvent>): () => void;
  /** One intent; `undefined`: there is none of that id. */
  inspect(id: string): Promise<Intent | undefined>;
  /** Intents in the order of their ids, of one state or all. */
  list(request?: ListIntentsRequest): Promise<Intent[]>;
  /**
   * Ends an intent that is `unknown`, as you have found it when you looked its effect up: `done`, with a response that
   * `submit` resolves with from then on, or `failed`, which it had no effect. `false`: there is none such.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for an outcome that is none.
   */
  settle(id: string, outcome: FoundOutcome): Promise<boolean>;
  /**
   * Sends an intent that is `unknown` again, with the same key and bytes, within the time that it had. It is sent only where
   * `keys` says that its server honours keys, and ends as `unknown` again anywhere else. `false`: there is none such.
   */
  sendAgain(id: string): Promise<boolean>;
  /**
   * Makes the store forget an intent that has ended, after which its id is as good as new, and the same request a new
   * one. For one that is `unknown`, `settle` it instead. `false`: there is none, or it is pending.
   */
  forget(id: string): Promise<boolean>;
  /**
   * Removes every intent that is done or failed and whose retention is over, and says how many: at once, instead of by
   * and by, as happens while intents are sent.
   */
  purge(): Promise<number>;
  /** Ends every attempt and gives the intents back, for whoever resumes. Nothing is lost. */
  close(): Promise<void>;
}

/** Durable intents that can be added within a transaction of your own. */
export interface TransactionalIntents<Transaction> extends Intents {
  /**
   * Adds an intent in your open transaction: it commits with what else you write there, or never was. Nothing is sent before
   * the commit, and within `pollMs` after it; `resume()` has it sent at once. Key and request are read before the first statement.
   *
   * @param transaction what a handler is given as `execution.transaction`, or one of your own: see the store.
   * @throws OnceAgainError as `add`, and what your database says. Roll back then: after a failure PostgreSQL takes nothing else
   *   in that transaction.
   */
  addWithin(transaction: Transaction, id: string, input: IntentInput): Promise<Intent>;
}
