import { hasMethod } from "../../../core/duck-typing.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { type CallersTransaction, namedTransaction, notOpenError } from "../callers-transaction.ts";
import type { OrmTransaction, OrmTransactions } from "./orm-transactions.ts";

/** The part of an EntityManager of TypeORM that we use. */
export interface TypeOrmManager {
  readonly queryRunner?: TypeOrmQueryRunner | undefined;
}

/** The part of a QueryRunner of TypeORM that we use. */
export interface TypeOrmQueryRunner {
  readonly isTransactionActive: boolean;
  query(statement: string, parameters: undefined, useStructuredResult: true): Promise<{ records?: unknown[] }>;
  stream(statement: string, ...others: never[]): Promise<unknown>;
  startTransaction(isolation?: "READ COMMITTED" | "REPEATABLE READ" | "SERIALIZABLE"): Promise<void>;
  commitTransaction(): Promise<void>;
  rollbackTransaction(): Promise<void>;
  release(): Promise<void>;
}

/** The part of a DataSource of TypeORM that we use. */
export interface TypeOrmDataSource<Manager> {
  readonly options: { readonly type: string; readonly poolSize?: number | undefined; readonly extra?: unknown };
  createQueryRunner(): TypeOrmQueryRunner;
  createEntityManager(queryRunner?: never): Manager;
}

/**
 * The `manager` that `dataSource.transaction(async (manager) => …)` gives; also that of a QueryRunner on which
 * `startTransaction()` was called.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for `dataSource.manager`, and for a transaction that has ended.
 */
export function fromTypeOrm(manager: TypeOrmManager): CallersTransaction {
  const expected = "the manager that dataSource.transaction(async (manager) => …) gives";
  if (hasMethod(manager, "createQueryRunner")) throw invalidOptionError("manager", expected, "the DataSource itself");
  if (!hasMethod(manager, "getRepository")) throw invalidOptionError("manager", expected, manager);
  const { queryRunner } = manager;
  if (queryRunner === undefined) throw invalidOptionError("manager", expected, "that of the DataSource");
  if (!queryRunner.isTransactionActive) throw notOpenError();
  return namedTransaction(queryRunner, async (statement) => {
    // The other form answers to some statements with a list that has the rows and their count.
    const { records = [] } = await queryRunner.query(statement, undefined, true);
    return records;
  });
}

/** How many connections a pool of `pg` has by default. */
const connectionsByDefault = 10;

/**
 * Has handlers run in transactions of your DataSource of TypeORM, type `postgres`: each is given the EntityManager of its
 * transaction.
 *
 * @param dataSource your DataSource; `initialize()` has to be done before the first request.
 * @example
 * ```ts
 * const dataSource = new DataSource({ type: "postgres", url, entities: [Charge] });
 * await dataSource.initialize();
 * const store = postgresStore(pool, { transactions: typeOrmTransactions(dataSource) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no DataSource, or one of another database.
 */
export function typeOrmTransactions<Manager extends TypeOrmManager>(
  dataSource: TypeOrmDataSource<Manager>,
): OrmTransactions<Manager> {
  if (!hasMethod(dataSource, "createQueryRunner"))
    throw invalidOptionError("dataSource", "a DataSource of TypeORM", dataSource);
  const { type, poolSize, extra } = dataSource.options;
  if (type !== "postgres") throw invalidOptionError("dataSource", "a DataSource of type postgres", type);
  return {
    orm: "TypeORM",
    connectionsMax: (extra as { max?: number } | undefined)?.max ?? poolSize ?? connectionsByDefault,
    from: fromTypeOrm,
    async begin({ isolation, guard }) {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction(isolation).catch(async (error: unknown) => {
        await runner.release();
        throw error;
      });
      // A handler has another object: TypeORM refuses a released runner by an error that nothing reports.
      const given = Object.create(runner, {
        query: {
          value: (text: string, ...others: unknown[]) =>
            guard.track(async () => {
              const [first = text, ...rest] = guard.admit(text) ?? [];
              const answer = await runner.query(first, ...(others as [undefined, true]));
              for (const other of rest) await runner.query(other, undefined, true);
              return answer;
            }),
        },
        stream: {
          value: (text: string, ...others: never[]) =>
            guard.track(async () => {
              guard.admit(text);
              return runner.stream(text, ...others);
            }),
        },
        release: { value: async () => undefined },
        isReleased: { value: false },
      }) as never;
      return {
        transaction: dataSource.createEntityManager(given),
        run: async (statement) => (await runner.query(statement, undefined, true)).records ?? [],
        async commit() {
          await runner.commitTransaction();
          await runner.release();
        },
        async rollback() {
          try {
            if (runner.isTransactionActive) await runner.rollbackTransaction();
          } finally {
            await runner.release();
          }
        },
      } satisfies OrmTransaction<Manager>;
    },
  };
}
