import { hasMethod } from "../../../core/duck-typing.ts";
import { OnceAgainError } from "../../../core/errors.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { semaphore } from "../../../core/semaphore.ts";
import { tableName, withOurNames } from "../../sql/names.ts";
import { mayStillRun, type RollbackOutcome, savepoint } from "../../sql/run-transaction.ts";
import type { TimeLimit } from "../../time-limit.ts";
import type { PostgresQuery } from "../client.ts";
import { hasLostTransaction, rethrowExplained } from "../errors.ts";
import type { OpenSession, PostgresSession } from "../session.ts";
import { type Literal, withLiterals } from "../statements.ts";
import { type IsolationLevel, OrmGuard, type OrmTransaction, type OrmTransactions } from "./orm-transactions.ts";

/** How sessions are opened through an ORM. */
export interface OrmSessionOptions<Transaction> {
  readonly transactions: OrmTransactions<Transaction>;
  readonly transactionsMax: number;
  readonly isolation: IsolationLevel;
  readonly busyMsMax: number;
  readonly limitTime: TimeLimit;
  /** Bounds the waits of a transaction for locks. */
  readonly boundLocks: string;
  /** Of the store's tables. */
  readonly prefix: string;
  /** Runs statements in the store's own pool. */
  readonly query: PostgresQuery;
}

/**
 * Opens sessions on transactions that an ORM begins and ends. Each statement is awaited before the next one is sent, since an ORM has
 * no other way to send several.
 */
export function ormSessionOpener<Transaction>(options: OrmSessionOptions<Transaction>): OpenSession<Transaction> {
  const { transactions, isolation, busyMsMax, limitTime } = options;
  const places = semaphore(options.transactionsMax);
  const database = databaseCheck(options);
  return async (questions) => {
    let isGivenUp = false;
    const begin = async (guard: OrmGuard): Promise<OrmTransaction<Transaction>> => {
      if (isGivenUp) throw givenUp();
      return guard.pass(() => transactions.begin({ isolation, waitMsMax: busyMsMax, guard }));
    };
    const opening = (async () => {
      // Asked before the transaction takes a connection: both may be of one pool.
      const check = await database();
      await places.take();
      const guard = new OrmGuard(isolation);
      const begun = await begin(guard).catch((error: unknown) => {
        places.leave();
        throw error;
      });
      const session = sessionOn(begun, guard, limitTime, () => places.leave());
      // Nothing waits for the locks that a session takes which was given up.
      const ask: PostgresQuery = (text) => (isGivenUp ? Promise.reject(givenUp()) : session.query(text));
      const opened: (readonly unknown[])[] = [];
      try {
        await check(ask);
        await ask(options.boundLocks);
        for (const question of questions) opened.push(await ask(question).catch(rethrowExplained));
        await ask(`SAVEPOINT ${savepoint}`);
        if (isGivenUp) throw givenUp();
      } catch (error) {
        void session.rollBack({ cause: error, checksSavepoint: false });
        throw error;
      }
      return { ...session, opened };
    })();
    try {
      return await limitTime(opening);
    } catch (error) {
      isGivenUp = true;
      opening.catch(() => undefined);
      throw error;
    }
  };
}

const givenUp = (): Error => new Error("The transaction was given up.");

function sessionOn<Transaction>(
  begun: OrmTransaction<Transaction>,
  guard: OrmGuard,
  limitTime: TimeLimit,
  leave: () => void,
): Omit<PostgresSession<Transaction>, "opened"> {
  const send = async (statement: string): Promise<readonly unknown[]> =>
    withOurNames(await guard.pass(() => begun.run(statement)));
  // A text without values may have a name in it that looks like a place for one.
  const query: PostgresQuery = (text, values) =>
    limitTime(send(values === undefined ? text : withLiterals(text, values as readonly Literal[])));

  let committing: Promise<unknown> = Promise.reject(new Error("No commit was asked for."));
  committing.catch(() => undefined);

  const rollBackBy = async (checksSavepoint: boolean): Promise<RollbackOutcome> => {
    await guard.idle();
    // A commit that is under way gives the connection back: a ROLLBACK that follows it would be another's.
    const isCommitted = await committing.then(
      () => true,
      () => false,
    );
    if (isCommitted) return "rolled back";
    const outcome = checksSavepoint ? await toSavepoint(send) : "rolled back";
    await guard.pass(() => begun.rollback());
    return outcome;
  };

  return {
    query,
    async run(work, onLateUse) {
      guard.onLateUse = onLateUse;
      let ending: Awaited<ReturnType<typeof work>>;
      try {
        ending = await work(begun.transaction);
        if (ending.keep === "commit") await begun.flush?.();
      } finally {
        guard.end();
      }
      // An operation that was not awaited is part of the work as far as it was begun before the end.
      await limitTime(guard.idle());
      return ending;
    },
    async commit(statements) {
      for (const statement of statements) await query(statement);
      committing = guard.pass(() => begun.commit());
      await limitTime(committing);
    },
    // Its commit has given the connection back.
    release: leave,
    async rollBack({ cause, checksSavepoint }) {
      guard.end();
      // It may not answer: nothing waits for it any more.
      const isStuck = mayStillRun(cause) || OnceAgainError.isInstance(cause, "ONCE_STORE_UNAVAILABLE");
      const rollingBack = rollBackBy(checksSavepoint && !isStuck).finally(leave);
      if (isStuck) {
        rollingBack.catch(() => undefined);
        return "rolled back";
      }
      return limitTime(rollingBack).catch((): RollbackOutcome => "rolled back");
    },
  };
}

/** Rolls back to the savepoint of the work, which is not there if the work has ended its transaction. */
async function toSavepoint(send: (statement: string) => Promise<unknown>): Promise<RollbackOutcome> {
  try {
    await send(`ROLLBACK TO SAVEPOINT ${savepoint}`);
  } catch (error) {
    if (hasLostTransaction(error)) return "escaped";
  }
  return "rolled back";
}

/**
 * Finds out once whether the ORM is connected to the database and the schema of the store's pool. If it is not, the pool's `inspect`,
 * `purge` and held keys would be those of other keys.
 *
 * @returns asks the pool, and returns what asks the ORM.
 */
function databaseCheck<Transaction>({ transactions, prefix, query }: OrmSessionOptions<Transaction>) {
  const statement = `SELECT concat_ws(' ', current_database(), pg_postmaster_start_time(),
    to_regclass('${tableName(prefix, "keys")}')::oid) AS name`;
  const nameBy = async (ask: PostgresQuery): Promise<string> => ((await ask(statement)) as { name: string }[])[0]!.name;
  let isSame = false;
  return async (): Promise<(ask: PostgresQuery) => Promise<void>> => {
    if (isSame) return async () => undefined;
    const expected = await nameBy(query);
    return async (ask) => {
      if ((await nameBy(ask)) !== expected) {
        const given = `${transactions.orm} on another database, schema or server`;
        throw invalidOptionError("transactions", "on the database and the schema of the store's pool", given);
      }
      isSame = true;
    };
  };
}

/** The problems of the connection between a store and its ORM, one sentence each. */
export async function ormProblems(open: OpenSession<unknown>): Promise<string[]> {
  try {
    const session = await open([]);
    await session.rollBack({ checksSavepoint: false });
    return [];
  } catch (error) {
    if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return [error.message];
    throw error;
  }
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what was not made by `prismaTransactions` and its likes. */
export function checkOrmTransactions(transactions: unknown): void {
  if (hasMethod(transactions, "begin") && hasMethod(transactions, "from")) return;
  throw invalidOptionError("transactions", "what prismaTransactions(prisma) returns", transactions);
}
