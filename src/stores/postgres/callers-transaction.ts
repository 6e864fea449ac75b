import type { PgClient, PostgresJsClient } from "./client.ts";

/**
 * Runs one statement without parameters in the caller's transaction, and answers with its rows. For a library that has
 * no `from…` here, write your own: `(statement) => tx.$queryRawUnsafe(statement)` is Prisma's.
 */
export type CallersTransaction = (statement: string) => Promise<readonly unknown[]>;

/** What we use of a transaction of Kysely. */
export interface KyselyTransaction {
  executeQuery(query: {
    sql: string;
    parameters: readonly never[];
    query: { kind: "RawNode"; sqlFragments: readonly string[]; parameters: readonly never[] };
    queryId: { queryId: string };
  }): Promise<{ rows: unknown[] }>;
}

/** What we use of a transaction of Drizzle (`drizzle-orm/node-postgres`, `drizzle-orm/postgres-js`). */
export interface DrizzleTransaction {
  execute(statement: string): PromiseLike<unknown>;
}

/** What we use of a transaction of Knex. */
export interface KnexTransaction {
  raw(statement: string): PromiseLike<unknown>;
}

/** A client of `pg` on which you have run BEGIN. */
export function fromPg(client: PgClient): CallersTransaction {
  return async (statement) => rowsOf(await client.query(statement));
}

/** The `sql` that `sql.begin` of `postgres` gives. */
export function fromPostgresJs(sql: PostgresJsClient): CallersTransaction {
  return async (statement) => sql.unsafe(statement);
}

/** The `trx` that `db.transaction().execute` of Kysely gives. */
export function fromKysely(transaction: KyselyTransaction): CallersTransaction {
  return async (statement) =>
    rowsOf(
      await transaction.executeQuery({
        sql: statement,
        parameters: [],
        query: { kind: "RawNode", sqlFragments: [statement], parameters: [] },
        queryId: { queryId: crypto.randomUUID() },
      }),
    );
}

/** The `tx` that `db.transaction` of Drizzle gives. */
export function fromDrizzle(transaction: DrizzleTransaction): CallersTransaction {
  return async (statement) => rowsOf(await transaction.execute(statement));
}

/** The `trx` that `knex.transaction` gives. */
export function fromKnex(transaction: KnexTransaction): CallersTransaction {
  return async (statement) => rowsOf(await transaction.raw(statement));
}

/** Some give the rows themselves, others an answer that has them. */
function rowsOf(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows;
}
