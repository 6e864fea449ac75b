import { hasMethod } from "../../../core/duck-typing.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { type CallersTransaction, namedTransaction } from "../callers-transaction.ts";
import type { OrmGuard, OrmTransaction, OrmTransactions } from "./orm-transactions.ts";

/** The part of a transaction of Prisma that we use: a `Prisma.TransactionClient`. */
export interface PrismaTransaction {
  $queryRawUnsafe(statement: string): PromiseLike<unknown>;
}

/** The part of a PrismaClient that we use, extended or not. */
export interface PrismaClientLike<Transaction> {
  readonly $extends: unknown;
  $transaction<Value>(
    work: (transaction: Transaction) => Promise<Value>,
    options?: {
      maxWait?: number;
      timeout?: number;
      isolationLevel?: "ReadCommitted" | "RepeatableRead" | "Serializable";
    },
  ): Promise<Value>;
}

/**
 * The `tx` that `prisma.$transaction(async (tx) => …)` gives.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `prisma` itself.
 */
export function fromPrisma(transaction: PrismaTransaction): CallersTransaction {
  const expected = "the tx that prisma.$transaction(async (tx) => …) gives";
  if (hasMethod(transaction, "$connect")) throw invalidOptionError("transaction", expected, "the PrismaClient itself");
  if (!hasMethod(transaction, "$queryRawUnsafe")) throw invalidOptionError("transaction", expected, transaction);
  return namedTransaction(
    transaction,
    async (statement) => (await transaction.$queryRawUnsafe(statement)) as readonly unknown[],
  );
}

/**
 * The longest time-out that a timer takes, 24 days: a handler is bounded by `limits.handlerMsMax` of its route, which also
 * responds when it is over.
 */
const timeoutMsMax = 2 ** 31 - 1;

const isolationLevels = {
  "READ COMMITTED": "ReadCommitted",
  "REPEATABLE READ": "RepeatableRead",
  SERIALIZABLE: "Serializable",
} as const;

/**
 * Has handlers run in interactive transactions of your PrismaClient: each is given the `tx`, a `Prisma.TransactionClient`. It
 * needs Prisma 7 with a driver adapter for PostgreSQL, such as `@prisma/adapter-pg`.
 *
 * Prisma's `timeout` (5 seconds by default) and `maxWait` don't hold for these transactions, also where you set them for the client:
 * `limits.handlerMsMax` of the route bounds a handler, and `busyMsMax` of the store the wait for a connection.
 *
 * @param prisma your client, extended or not.
 * @example
 * ```ts
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
 * const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
 * const store = postgresStore(pool, { transactions: prismaTransactions(prisma) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for the `tx` of a transaction, and for what is no PrismaClient.
 */
export function prismaTransactions<Transaction extends PrismaTransaction>(
  prisma: PrismaClientLike<Transaction>,
): OrmTransactions<Transaction> {
  if (!hasMethod(prisma, "$transaction") || !hasMethod(prisma, "$extends")) {
    const given = hasMethod(prisma, "$queryRawUnsafe") ? "the tx of a transaction" : prisma;
    throw invalidOptionError("prisma", "a PrismaClient", given);
  }
  return {
    orm: "Prisma",
    from: fromPrisma,
    async begin({ isolation, waitMsMax, guard }) {
      const client = guardedClient(prisma, guard);
      const options = { maxWait: waitMsMax, timeout: timeoutMsMax, isolationLevel: isolationLevels[isolation] };
      const begun = Promise.withResolvers<Transaction>();
      const work = Promise.withResolvers<void>();
      const ended = client.$transaction((transaction) => {
        begun.resolve(transaction);
        return work.promise;
      }, options);
      ended.catch(begun.reject);
      const transaction = await begun.promise;
      return {
        transaction,
        run: fromPrisma(transaction),
        async commit() {
          work.resolve();
          await ended;
        },
        async rollback() {
          work.reject(new Error("The transaction is rolled back."));
          await ended.catch(() => undefined);
        },
      } satisfies OrmTransaction<Transaction>;
    },
  };
}

/** An operation as an extension of a PrismaClient sees it. */
interface PrismaOperation {
  readonly operation: string;
  readonly args: unknown;
  readonly query: (args: unknown) => Promise<unknown>;
}

/** The same client, with the operations of a handler under guard. */
function guardedClient<Transaction>(
  prisma: PrismaClientLike<Transaction>,
  guard: OrmGuard,
): PrismaClientLike<Transaction> {
  const $allOperations = ({ operation, args, query }: PrismaOperation): Promise<unknown> =>
    guard.track(async () => {
      const texts = guard.admit(rawText(operation, args));
      return texts === undefined ? query(args) : sendInstead(texts, query);
    });
  return (prisma as { $extends(extension: object): PrismaClientLike<Transaction> }).$extends({
    query: { $allOperations },
  });
}

async function sendInstead(texts: readonly string[], query: PrismaOperation["query"]): Promise<unknown> {
  let first: unknown;
  for (const [index, text] of texts.entries()) {
    const answer = await query([text]);
    if (index === 0) first = answer;
  }
  return first;
}

/** The text of a raw operation; `undefined` for all others, which Prisma writes: none of them ends a transaction. */
function rawText(operation: string, args: unknown): string | undefined {
  if (!operation.startsWith("$")) return undefined;
  const { sql } = args as { sql?: unknown };
  if (typeof sql === "string") return sql;
  const [text] = args as readonly unknown[];
  return typeof text === "string" ? text : undefined;
}
