import { DatabaseSync } from "node:sqlite";
import type {
  MarkRequest,
  TransactionalStore,
  TransactionEnding,
} from "../../../packages/once-again/src/stores/store.ts";

type SqliteStore = TransactionalStore<DatabaseSync>;

/** A way in which a store's transactions can be wrong, and the case of the contract that must say so. */
export interface BrokenTransactions {
  readonly flaw: string;
  /** The beginning of that case's name. */
  readonly caughtBy: string;
  /** Puts the flaw in front of a store that is right. */
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

/** A store that hands out something else than the transaction. */
function handingOut(
  store: SqliteStore,
  make: (transaction: DatabaseSync, hasEnded: () => boolean) => (text: string) => void,
): Partial<SqliteStore> {
  const wrapped = <Ended>(work: (transaction: DatabaseSync) => Promise<Ended>) => {
    let hasEnded = false;
    return async (transaction: DatabaseSync): Promise<Ended> => {
      try {
        return await work({ exec: make(transaction, () => hasEnded) } as DatabaseSync);
      } finally {
        hasEnded = true;
      }
    };
  };
  return {
    transact: (request, work, hear) => store.transact(request, wrapped(work), hear),
    transactUnkeyed: (work, hear) => store.transactUnkeyed(wrapped(work), hear),
    transactStep: (request, work, hear) => store.transactStep(request, wrapped(work), hear),
  };
}

/** Carries a statement out on another connection, as if the transaction that it was meant for had nothing to say. */
function elsewhere(path: string, text: string): void {
  const outside = new DatabaseSync(path);
  outside.exec(text);
  outside.close();
}

/** Stores with right transactions, but for one flaw. */
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
    flaw: "what it hands out outlives its work",
    caughtBy: "what work was given is dead",
    break: (store) =>
      handingOut(store, (transaction, hasEnded) => {
        const path = transaction.location()!;
        return (text) => (hasEnded() ? elsewhere(path, text) : transaction.exec(text));
      }),
  },
  {
    flaw: "what it hands out refuses late uses in silence",
    caughtBy: "what work was given is dead",
    break: (store) => ({
      transact: (request, work) => store.transact(request, work),
      transactUnkeyed: (work) => store.transactUnkeyed(work),
      transactStep: (request, work) => store.transactStep(request, work),
    }),
  },
  {
    flaw: "a branch of its work goes on after the end",
    caughtBy: "a branch of the work that goes on",
    break: (store) =>
      handingOut(store, (transaction, hasEnded) => {
        const path = transaction.location()!;
        return (text) => (hasEnded() ? elsewhere(path, text) : transaction.exec(text));
      }),
  },
  {
    flaw: "it executes a write that was not awaited in the next transaction",
    caughtBy: "a write that work did not wait for",
    break: (store) => {
      const waiting: string[] = [];
      return {
        transact: (request, work) =>
          store.transact(request, (transaction) => {
            let writes = 0;
            const exec = (text: string): void => {
              if ((writes += 1) > 1) waiting.push(text);
              else transaction.exec(text);
            };
            return work({ exec } as DatabaseSync);
          }),
        async transactUnkeyed(work) {
          for (const text of waiting.splice(0)) {
            await store.transactUnkeyed(async (transaction) => {
              transaction.exec(text);
              return { keep: "commit", result: new Uint8Array(), value: undefined };
            });
          }
          return store.transactUnkeyed(work);
        },
      };
    },
  },
  {
    flaw: "it lets a COMMIT through, and leaves the key free",
    caughtBy: "work that sends COMMIT, ROLLBACK or BEGIN",
    break: (store) => ({
      async transact(request, work) {
        const committed: string[] = [];
        const texts: string[] = [];
        const answer = await store.transact(request, async (transaction) => {
          const exec = (text: string): void => {
            if (text === "COMMIT") committed.push(...texts);
            else transaction.exec(text);
            texts.push(text);
          };
          const ended = await work({ exec } as DatabaseSync);
          return committed.length === 0 ? ended : { ...ended, keep: "rollback" };
        });
        await store.transactUnkeyed(async (transaction) => {
          for (const text of committed) transaction.exec(text);
          return { keep: "commit", result: new Uint8Array(), value: undefined };
        });
        return answer;
      },
    }),
  },
  {
    flaw: "it moves marks back",
    caughtBy: "a mark only goes up",
    break: () => ({ moveMark: async () => ({ kind: "moved" }) }),
  },
  {
    flaw: "its marks survive a rollback",
    caughtBy: "a mark moves with its transaction",
    break() {
      const marks = new Map<string, MarkRequest>();
      return {
        async moveMark(_, mark) {
          const name = JSON.stringify([mark.scope, mark.key]);
          const { position = -1, storedAt } = marks.get(name) ?? {};
          if (mark.position <= position) return { kind: "behind", position, storedAt };
          marks.set(name, mark);
          return { kind: "moved" };
        },
      };
    },
  },
  {
    flaw: "it takes names of marks that differ in case for one",
    caughtBy: "marks differ",
    break: (store) => ({
      moveMark: (transaction, mark) => store.moveMark!(transaction, { ...mark, key: mark.key.toLowerCase() }),
    }),
  },
  {
    flaw: "it lets two movers have one position",
    caughtBy: "of movers at a time",
    break: (store) => ({
      async moveMark(transaction, mark) {
        const answer = await store.moveMark!(transaction, mark);
        return answer.kind === "behind" && answer.position === mark.position ? { kind: "moved" } : answer;
      },
    }),
  },
  {
    flaw: "its retention counts from the beginning of the work",
    caughtBy: "retention is counted from the end",
    break(store) {
      const ends = new Map<string, number>();
      return {
        transact(request, work) {
          ends.set(request.key, Date.now() + request.retentionMs);
          return store.transact(request, work);
        },
        async inspect(name) {
          const found = await store.inspect(name);
          if (found === undefined) return undefined;
          return { ...found, record: { ...found.record, expiresAt: ends.get(name.key) ?? found.record.expiresAt } };
        },
      };
    },
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
    flaw: "its steps don't check the owner of the key",
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
