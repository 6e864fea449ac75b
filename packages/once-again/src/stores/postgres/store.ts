import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber } from "../../core/options.ts";
import { heldWarnings, storeHealth } from "../health.ts";
import {
  checkIsolation,
  checkSqlOptions,
  type SqlStore,
  type SqlStoreOptions,
  sqlOptionNames,
} from "../sql/options.ts";
import {
  isBunSql,
  type PgConnection,
  type PgPool,
  type PostgresConnection,
  type PostgresJsConnection,
  type PostgresJsPool,
  type PostgresPool,
  type PostgresQuery,
  postgresQuery,
} from "./client.ts";
import { transactionQuery } from "./callers-transaction.ts";
import { explainErrors } from "./errors.ts";
import { postgresProblems } from "./health.ts";
import { checkOrmTransactions, ormProblems, ormSessionOpener } from "./orms/orm-session.ts";
import type { OrmTransactions } from "./orms/orm-transactions.ts";
import { type KeyedStatements, keyedStatements, postgresStatements } from "./statements.ts";
import { markMover, transact, type TransactionContext, transactStep, transactUnkeyed } from "./transact.ts";
import { leasedOperations } from "./leased-operations.ts";
import { checkPool, outliveBrokenConnections, type PoolAccess, poolAccess, takeInTurn } from "./pool.ts";
import { postgresSchema } from "./schema.ts";
import { type OpenSession, sessionOpener } from "./session.ts";

/** Where a PostgreSQL store keeps its records, and how long it waits. */
export interface PostgresStoreOptions extends SqlStoreOptions {
  /**
   * Whether a replay waits until a synchronous standby has what is replayed, by writing a message of a few bytes to the
   * write-ahead log; default false. A standby that is promoted may otherwise not know an answer that a caller was given
   * again, since a server that restarts shows commits that its standby has not acknowledged.
   */
  readonly replayTouch?: boolean | undefined;
  /**
   * Whether statements are parsed and planned once for each connection; default true. `false` behind a pooler that gives
   * each transaction another connection and does not know prepared statements (PgBouncer before 1.21).
   */
  readonly prepare?: boolean | undefined;
  /**
   * How many transactions are open at a time, at least 1; others wait for one to end, up to `busyMsMax`. Default one less
   * than the pool has connections, so that handlers that ask the same pool for a second connection don't wait for each
   * other without end; for a pool that does not say how many it has, no bound.
   */
  readonly transactionsMax?: number | undefined;
}

/** The same, for handlers that run in transactions of an ORM. */
export interface PostgresOrmOptions<Transaction> extends PostgresStoreOptions {
  /** Begins the transactions of handlers: `prismaTransactions(prisma)`, and those of TypeORM, Sequelize and MikroORM. It has to be connected to the pool's database. */
  readonly transactions: OrmTransactions<Transaction>;
}

/** A store in PostgreSQL. */
export type PostgresStore<Connection> = SqlStore<Connection>;

/**
 * A store in PostgreSQL 12 or newer, through your own pool: a Pool of `pg`, or the `sql` of `postgres`. Each operation
 * is one statement, decided by the database's clock. An acknowledged claim survives a crash of the server (as long as
 * `synchronous_commit` is on, as by default), and a failover if the standby is synchronous.
 *
 * In transactional mode, handlers are given a connection of the pool: a PoolClient of `pg`, a reserved `sql` of
 * `postgres`; with the option `transactions`, the transaction of your ORM. `Bun.sql` can take the place of `postgres`, but
 * has leased mode alone. `close()` leaves the pool open: it is yours.
 *
 * @example
 * ```ts
 * const store = postgresStore(new pg.Pool({ connectionString: process.env.DATABASE_URL }));
 * await store.migrate();
 * const { isHealthy, problems } = await store.health();
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function postgresStore<Transaction>(
  pool: PostgresPool<PostgresConnection>,
  options: PostgresOrmOptions<Transaction>,
): PostgresStore<Transaction>;
export function postgresStore<Connection extends PgConnection>(
  pool: PgPool<Connection>,
  options?: PostgresStoreOptions,
): PostgresStore<Connection>;
export function postgresStore<Connection extends PostgresJsConnection>(
  pool: PostgresJsPool<Connection>,
  options?: PostgresStoreOptions,
): PostgresStore<Connection>;
export function postgresStore<Given>(
  pool: PostgresPool<PostgresConnection>,
  options: PostgresStoreOptions & Partial<PostgresOrmOptions<Given>> = {},
): PostgresStore<Given> {
  checkNames("postgresStore", options, {
    ...sqlOptionNames,
    isolation: true,
    replayTouch: "boolean",
    prepare: "boolean",
    transactionsMax: true,
    transactions: true,
  } satisfies OptionNames<PostgresOrmOptions<unknown>>);
  const { tablePrefix: prefix, busyMsMax, clock } = checkSqlOptions(options);
  const schemaSql = postgresSchema(prefix);
  const replayTouch = options.replayTouch ?? false;
  checkPool(pool);
  outliveBrokenConnections(pool);

  const prepare = options.prepare ?? true;
  const access = poolAccess(pool, { clock, busyMsMax, prepare });
  const query = explainErrors(access.query);
  const statements = postgresStatements(prefix, replayTouch);
  const keyed = keyedStatements(prefix, prepare && options.transactions === undefined);
  const { open, queryIn } = handlerTransactions(pool, options, { access, query, keyed, busyMsMax, prefix, prepare });
  const touch = replayTouch ? "SELECT pg_logical_emit_message(true, 'once_again', '')::text" : "";
  const context: TransactionContext<Given> = { open, query, statements, keyed, touch };
  const leased = leasedOperations(query, statements, { clock, busyMsMax });
  // The statements of a handler don't show themselves on a connection of Bun.
  const canWatch = !isBunSql(pool) || options.transactions !== undefined;
  const transactional: Pick<PostgresStore<Given>, "transact" | "transactStep" | "transactUnkeyed"> = {
    transact: (request, work, onLateUse) => transact(context, request, work, onLateUse),
    transactStep: (request, work, onLateUse) => transactStep(context, request, work, onLateUse),
    transactUnkeyed: (work, onLateUse) => transactUnkeyed(context, work, onLateUse),
  };
  return {
    survivesFailover: "synchronous",
    schemaSql,
    ...leased,
    ...(canWatch ? transactional : ({} as typeof transactional)),
    moveMark: markMover(prefix, queryIn),
    migrate: async () => void (await postgresQuery(pool, prepare)(schemaSql)),
    health: () =>
      storeHealth(
        async () => [
          ...(await postgresProblems(query, prefix)),
          ...(options.transactions === undefined ? [] : await ormProblems(open)),
        ],
        async () => heldWarnings(await leased.countHeld()),
      ),
    close: async () => undefined,
  };
}

/** The parts of a store that open its transactions. */
interface HandlerTransactionParts {
  readonly access: PoolAccess<PostgresConnection>;
  readonly query: PostgresQuery;
  readonly keyed: KeyedStatements;
  readonly busyMsMax: number;
  readonly prefix: string;
  readonly prepare: boolean;
}

/** Opens the transactions that handlers run in, on the store's own pool or through an ORM, and runs statements in them. */
function handlerTransactions<Given>(
  pool: PostgresPool<PostgresConnection>,
  options: PostgresStoreOptions & Partial<PostgresOrmOptions<Given>>,
  { access, query, keyed, busyMsMax, prefix, prepare }: HandlerTransactionParts,
): { open: OpenSession<Given>; queryIn: (transaction: Given) => PostgresQuery } {
  const { take, limitTime, giveUp } = access;
  const { transactions } = options;
  const level = checkIsolation(options);
  const isolation = level.toUpperCase() as Uppercase<typeof level>;
  if (transactions !== undefined) checkOrmTransactions(transactions);
  const connectionsMax = transactions?.connectionsMax ?? pool.options?.max ?? Number.POSITIVE_INFINITY;
  const transactionsMax = checkNumber("transactionsMax", options.transactionsMax ?? Math.max(1, connectionsMax - 1), {
    min: 1,
  });
  const boundLocks = `SET LOCAL lock_timeout = ${busyMsMax}`;
  if (transactions !== undefined) {
    const opening = { transactions, transactionsMax, isolation, busyMsMax, limitTime, boundLocks, prefix, query };
    return {
      open: ormSessionOpener(opening),
      queryIn: (transaction) => transactionQuery(transactions.from(transaction), prepare),
    };
  }
  const open = sessionOpener({
    takeInTurn: takeInTurn(take, transactionsMax),
    giveUp,
    limitTime,
    prepare,
    isolation,
    boundLocks,
    preparing: `${boundLocks}; ${keyed.preparing}`,
  });
  return {
    open: open as OpenSession<unknown> as OpenSession<Given>,
    queryIn: (transaction) => postgresQuery(transaction as PostgresConnection, prepare),
  };
}
