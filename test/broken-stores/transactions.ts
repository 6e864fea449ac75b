import type { DatabaseSync } from "node:sqlite";
import type { TransactionalStore, TransactionEnding } from "../../src/stores/store.ts";

type SqliteStore = TransactionalStore<DatabaseSync>;

/** A way in which a store's transactions can be wrong, and the case of the contract that must say so. */
export interface BrokenTransactions {
  readonly flaw: string;
  /** The beginning of that case's name. */
  readonly caughtBy: string;
  /** What is wrong in it, in front of a store that is right. */
  break(store: SqliteStore): Partial<SqliteStore>;
}

/** A store that is wrong in how its work ends. */
function ending(
  store: SqliteStore,
  change: <Value>(ending: TransactionEnding<Value>) => TransactionEnding<Value>,
): Partial<SqliteStore> {
  return {
    transact: (request, work) => store.transact(request, async (transaction) => change(await work(transaction))),
    transactUnkeyed: (work) => store.transactUnkeyed(async (transaction) => change(await work(transaction))),
  };
}

/** Stores whose transactions do all that they should, but for one thing. */
export const brokenTransactions: readonly BrokenTransactions[] = [
  {
    flaw: "it keeps no key, so that duplicates run",
    caughtBy: "of 50 duplicates at once one runs",
    break: (store) => ({
      transact: async (_request, work) => ({ kind: "executed", value: await store.transactUnkeyed(work) }),
    }),
  },
  {
    flaw: "it takes a repeat that another repeat is beside for one of a running operation",
    caughtBy: "50 repeats at once of what is done",
    break(store) {
      let repeats = 0;
      return {
        async transact(request, work) {
          if (repeats > 0) return { kind: "in-progress", leaseMsLeft: 0 };
          repeats += 1;
          return store.transact(request, work).finally(() => (repeats -= 1));
        },
      };
    },
  },
  {
    flaw: "it runs the work again to answer a repeat",
    caughtBy: "key, effect and result commit together",
    break: (store) => ({
      async transact(request, work) {
        const answer = await store.transact(request, work);
        if (answer.kind === "done") await store.transactUnkeyed(work);
        return answer;
      },
    }),
  },
  {
    flaw: "it keeps the effect of an answer-only ending",
    caughtBy: "answer-only undoes the effect",
    break: (store) => ending(store, (ended) => (ended.keep === "answer-only" ? { ...ended, keep: "commit" } : ended)),
  },
  {
    flaw: "it forgets the result of an answer-only ending",
    caughtBy: "answer-only undoes the effect",
    break: (store) => ending(store, (ended) => (ended.keep === "answer-only" ? { ...ended, keep: "rollback" } : ended)),
  },
  {
    flaw: "it keeps the key of a rollback",
    caughtBy: "rollback undoes all of it",
    break: (store) => ending(store, (ended) => (ended.keep === "rollback" ? { ...ended, keep: "answer-only" } : ended)),
  },
  {
    flaw: "it swallows what the work throws",
    caughtBy: "what the work throws rolls all of it back",
    break: (store) => ({
      transact: (request, work) => store.transact(request, work).catch(() => ({ kind: "mismatch" })),
    }),
  },
  {
    flaw: "it keeps the effects of work that throws",
    caughtBy: "what the work throws rolls all of it back",
    break: (store) => ({
      async transactUnkeyed(work) {
        let thrown: unknown;
        const value = await store.transactUnkeyed(async (transaction) => {
          try {
            return await work(transaction);
          } catch (error) {
            thrown = error;
            return { keep: "commit", result: new Uint8Array(), value: undefined };
          }
        });
        if (thrown !== undefined) throw thrown;
        return value as never;
      },
    }),
  },
  {
    flaw: "it leaves a transaction to work that was given up",
    caughtBy: "work whose time is over",
    break: (store) => ({
      async transact(request, work) {
        let thrown: unknown;
        const hiding = store.transact(request, (transaction) =>
          work(transaction).catch((error: unknown) => {
            thrown = error;
            throw new Error("hidden", { cause: error });
          }),
        );
        return hiding.catch((error: unknown) => {
          throw thrown ?? error;
        });
      },
    }),
  },
  {
    flaw: "it ignores the fingerprint",
    caughtBy: "key, effect and result commit together",
    break: (store) => ({
      transact: (request, work) => store.transact({ ...request, fingerprint: "f" }, work),
    }),
  },
  {
    flaw: "its keys never expire",
    caughtBy: "an expired key is new",
    break: (store) => ({
      transact: (request, work) => store.transact({ ...request, retentionMs: 1e12 }, work),
    }),
  },
  {
    flaw: "its steps don't ask whose the key is",
    caughtBy: "a step of a late owner has no effect",
    break: (store) => ({
      async transactStep(request, work) {
        const owner = (await store.inspect(request))?.record.owner ?? request.owner;
        return store.transactStep({ ...request, owner }, work);
      },
    }),
  },
  {
    flaw: "its steps run again",
    caughtBy: "a step's effect and checkpoint commit together",
    break: (store) => {
      let times = 0;
      return {
        transactStep: (request, work) =>
          store.transactStep({ ...request, step: `${request.step} ${(times += 1)}` }, work),
      };
    },
  },
  {
    flaw: "its steps leave no checkpoint",
    caughtBy: "a step's effect and checkpoint commit together",
    break: (store) => ({
      transactStep: (_request, work) =>
        store.transactUnkeyed(async (transaction) => {
          const result = await work(transaction);
          return { keep: "commit", result, value: result };
        }),
    }),
  },
];
