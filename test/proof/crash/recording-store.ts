import type { Awaitable } from "../../../packages/once-again/src/core/awaitable.ts";
import type { RecordName, Store, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import type { Step, StoreRefusal } from "./evidence.ts";

/** Called when an operation has come a step further. */
export type Note = (event: Step | StoreRefusal, name: RecordName) => void;

/** A store that says what it was asked for, and what it answered; and is otherwise the same. */
export function recordingStore(store: Store, note: Note): Store {
  return {
    ...store,
    async claim(request) {
      note("asked", request);
      const answer = await noted(request, note, () => store.claim(request));
      note(answer.kind === "acquired" ? "granted" : "turned-away", request);
      return answer;
    },
    async complete(request) {
      note("completing", request);
      const isOurs = await noted(request, note, () => store.complete(request));
      note(isOurs ? "completed" : "refused", request);
      return isOurs;
    },
  };
}

/** The same for transactions: a grant is the begin of the work, and its end asks for the commit. */
export function recordingTransactions<Transaction>(
  store: TransactionalStore<Transaction>,
  note: Note,
): TransactionalStore<Transaction> {
  return {
    ...store,
    async transact(request, work) {
      note("asked", request);
      const answer = await noted(request, note, () =>
        store.transact(request, async (transaction) => {
          note("granted", request);
          const ending = await work(transaction);
          note("completing", request);
          return ending;
        }),
      );
      note(answer.kind === "executed" ? "completed" : "turned-away", request);
      return answer;
    },
  };
}

async function noted<Value>(name: RecordName, note: Note, ask: () => Awaitable<Value>): Promise<Value> {
  try {
    return await ask();
  } catch (error) {
    note("failed", name);
    throw error;
  }
}
