import { hasMethod } from "../../../core/duck-typing.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { type KyselyTransaction, runInKysely } from "../../guard/from-library.ts";
import { type CallersTransaction, namedTransaction, notOpenError } from "../callers-transaction.ts";
import { isRefusal } from "../errors.ts";
import type { OrmGuard, OrmTransaction, OrmTransactions } from "./orm-transactions.ts";
import { endError } from "./sequelize.ts";

/** The part of an EntityManager of MikroORM that we use. */
export interface MikroOrmManager {
  isInTransaction(): boolean;
  getTransactionContext(): unknown;
  fork(options?: { clear?: boolean; keepTransactionContext?: boolean }): this;
  getConnection(type?: never): object;
  begin(options?: { isolationLevel?: never }): Promise<void>;
  flush(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** The part of an instance of MikroORM that we use. */
export interface MikroOrmLike<Manager> {
  readonly em: Manager;
  readonly config: { get(option: "pool"): { readonly max?: number | undefined } | undefined };
}

/**
 * The `em` that `orm.em.transactional(async (em) => …)` gives, or a fork on which `begin()` was called.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an `em` without a transaction.
 */
export function fromMikroOrm(em: Pick<MikroOrmManager, "getTransactionContext">): CallersTransaction {
  const expected = "the em that orm.em.transactional(async (em) => …) gives";
  if (!hasMethod(em, "getTransactionContext")) throw invalidOptionError("em", expected, em);
  const transaction = em.getTransactionContext() as KyselyTransaction | undefined;
  if (transaction === undefined) throw notOpenError();
  return namedTransaction(transaction, async (statement) => (await runInKysely(transaction, statement)).rows);
}

/** How many connections a pool of `pg` has by default. */
const connectionsByDefault = 10;

/**
 * Has handlers run in transactions of your MikroORM 7 on PostgreSQL: each is given an EntityManager in its transaction, a fork
 * with an empty identity map. Changes to entities are flushed when the handler has responded below 400.
 *
 * @param orm what `MikroORM.init()` or `new MikroORM()` of `@mikro-orm/postgresql` gave.
 * @example
 * ```ts
 * const orm = await MikroORM.init({ clientUrl: url, entities: [Charge] });
 * const store = postgresStore(pool, { transactions: mikroOrmTransactions(orm) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no MikroORM.
 */
export function mikroOrmTransactions<Manager extends MikroOrmManager>(
  orm: MikroOrmLike<Manager>,
): OrmTransactions<Manager> {
  if (!hasMethod(orm?.em, "getTransactionContext")) throw invalidOptionError("orm", "an instance of MikroORM", orm);
  return {
    orm: "MikroORM",
    connectionsMax: orm.config.get("pool")?.max ?? connectionsByDefault,
    from: fromMikroOrm,
    async begin({ isolation, guard }) {
      const own = orm.em.fork();
      const giveBack = await beginOnLent(own, isolation);
      const transaction = own.getTransactionContext() as MikroOrmContext;
      guardContext(transaction, guard);
      // It stays in the transaction when that has ended: an em without one would write on another connection.
      const given = own.fork({ keepTransactionContext: true });
      for (const method of ["begin", "commit", "rollback"] as const) {
        given[method] = () => Promise.reject(endError(`${method}()`));
      }
      return {
        transaction: given,
        run: async (statement) => (await runInKysely(transaction, statement)).rows,
        flush: () => given.flush(),
        async commit() {
          await own.commit();
          giveBack();
        },
        async rollback() {
          const hasEnded = (): boolean => transaction.isCommitted || transaction.isRolledBack;
          // It fails where a subscriber throws, too.
          if (!hasEnded()) await own.rollback().catch(() => (hasEnded() ? undefined : rollBackItself(transaction)));
          giveBack();
        },
      } satisfies OrmTransaction<Manager>;
    },
  };
}

/** The part that we use of a ControlledTransaction of Kysely, on which MikroORM stands. */
interface MikroOrmContext extends KyselyTransaction {
  readonly isCommitted: boolean;
  readonly isRolledBack: boolean;
  getExecutor(): KyselyExecutor;
  savepoint(name: string): { execute(): Promise<MikroOrmContext> };
  withPlugin(plugin: unknown): MikroOrmContext;
  withoutPlugins(): MikroOrmContext;
  withSchema(schema: string): MikroOrmContext;
}

/** The part of a connection of MikroORM that we use: it has a pool, as a Kysely. */
interface MikroOrmConnection {
  ensureConnection(): Promise<void>;
  getClient(): { connection(): { execute(work: (lent: object) => Promise<void>): Promise<void> } };
}

/**
 * Has an em begin on a connection that we have lent. Kysely gives back one that it has taken only after a COMMIT or ROLLBACK that succeeded:
 * one that is lost at BEGIN, or in the transaction, would be missing in the pool for ever.
 *
 * @returns gives the connection back to its pool, which forgets a lost one.
 */
async function beginOnLent(em: MikroOrmManager, isolation: string): Promise<() => void> {
  const connection = em.getConnection("write" as never) as MikroOrmConnection;
  await connection.ensureConnection();
  const begun = Promise.withResolvers<object>();
  const ended = Promise.withResolvers<void>();
  const work = (lent: object): Promise<void> => {
    begun.resolve(lent);
    return ended.promise;
  };
  connection.getClient().connection().execute(work).catch(begun.reject);
  const lent = await begun.promise;
  em.getConnection = () => withClient(connection, lent);
  try {
    await em.begin({ isolationLevel: isolation.toLowerCase() as never });
  } catch (error) {
    ended.resolve();
    throw error;
  }
  em.getConnection = () => connection;
  return ended.resolve;
}

/** The same connection of MikroORM, which begins on another Kysely. The rest of it has private parts, and runs on the connection itself. */
function withClient(connection: MikroOrmConnection, client: object): object {
  return new Proxy(connection, {
    get(target, name) {
      if (name === "getClient") return () => client;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" && name !== "begin" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Rolls back what MikroORM has not. A lost connection has nothing open. */
async function rollBackItself(transaction: MikroOrmContext): Promise<void> {
  const connection = await transaction.getExecutor().provideConnection(async (own) => own);
  await connection.executeQuery({ sql: "rollback", parameters: [] }).catch((error: unknown) => {
    if (isRefusal(error)) throw error;
  });
}

interface KyselyStatement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

interface KyselyConnection {
  executeQuery(statement: KyselyStatement): Promise<{ rows: unknown[] }>;
}

interface KyselyExecutor {
  provideConnection<Value>(consumer: (connection: KyselyConnection) => Promise<Value>): Promise<Value>;
  executeQuery(statement: KyselyStatement, ...others: unknown[]): Promise<unknown>;
  stream(statement: KyselyStatement, ...others: unknown[]): AsyncIterableIterator<unknown>;
}

/** Judges each statement of a transaction, and of those that are made of it. It is the transaction's own object, which no other has. */
function guardContext(transaction: MikroOrmContext, guard: OrmGuard): MikroOrmContext {
  const executor = transaction.getExecutor();
  const executeQuery = executor.executeQuery.bind(executor);
  const stream = executor.stream.bind(executor);
  executor.executeQuery = (statement, ...others) =>
    guard.track(async () => {
      const [first = statement.sql, ...rest] = guard.admit(statement.sql) ?? [];
      const answer = await executeQuery({ ...statement, sql: first }, ...others);
      for (const other of rest) await executeQuery({ ...statement, sql: other }, ...others);
      return answer;
    });
  executor.stream = async function* guarded(statement, ...others) {
    guard.admit(statement.sql);
    yield* stream(statement, ...others);
  };
  const savepoint = transaction.savepoint.bind(transaction);
  transaction.savepoint = (name) => ({
    execute: async () => guardContext(await savepoint(name).execute(), guard),
  });
  for (const method of ["withPlugin", "withoutPlugins", "withSchema"] as const) {
    const make = transaction[method].bind(transaction) as (given?: never) => MikroOrmContext;
    transaction[method] = (given?: unknown) => guardContext(make(given as never), guard);
  }
  return transaction;
}
