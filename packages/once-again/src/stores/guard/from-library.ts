import { invalidOptionError } from "../../core/options.ts";

/** The part of a transaction of Kysely that we use. */
export interface KyselyTransaction {
  executeQuery(query: {
    sql: string;
    parameters: readonly unknown[];
    query: { kind: "RawNode"; sqlFragments: readonly string[]; parameters: readonly never[] };
    queryId: { queryId: string };
  }): Promise<{ rows: unknown[]; numAffectedRows?: bigint | undefined }>;
}

/** The part of a transaction of Knex that we use. */
export interface KnexTransaction {
  raw(statement: string, values?: never): PromiseLike<unknown>;
}

/** Which databases speak the SQL of a statement. */
export type Dialect = "PostgreSQL" | "MySQL";

/** The abilities that Kysely's adapters declare. Of the databases that it knows, MySQL alone answers a change with no rows. */
interface KyselyAdapter {
  readonly supportsReturning?: boolean;
  readonly supportsOutput?: boolean;
}

/** Runs one statement in a transaction of Kysely. */
export function runInKysely(transaction: KyselyTransaction, statement: string, parameters: readonly unknown[] = []) {
  return transaction.executeQuery({
    sql: statement,
    parameters,
    query: { kind: "RawNode", sqlFragments: [statement], parameters: [] },
    queryId: { queryId: crypto.randomUUID() },
  });
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no transaction of Kysely on such a database, as far as one can tell. */
export function checkKysely(transaction: KyselyTransaction, dialect: Dialect): void {
  const candidate = transaction as {
    isTransaction?: unknown;
    isCommitted?: unknown;
    isRolledBack?: unknown;
    executeQuery?: unknown;
    getExecutor?(): { adapter?: KyselyAdapter };
  } | null;
  const refuse = (is: string): never => {
    throw invalidOptionError("transaction", `the trx that db.transaction().execute() gives, on ${dialect}`, is);
  };
  if (typeof candidate?.executeQuery !== "function") return refuse(describe(candidate));
  if (candidate.isTransaction === false) return refuse("the db");
  if (candidate.isCommitted === true || candidate.isRolledBack === true) return refuse("one that has ended");
  const { supportsReturning, supportsOutput } = candidate.getExecutor?.().adapter ?? {};
  if (supportsReturning === undefined) return;
  const isMysql = !supportsReturning && supportsOutput !== true;
  if (isMysql !== (dialect === "MySQL")) refuse("one of another database");
}

/** Knex's name for the SQL of each. */
const knexDialects: Readonly<Record<Dialect, string>> = { PostgreSQL: "postgresql", MySQL: "mysql" };

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no transaction of Knex on such a database, as far as one can tell. */
export function checkKnex(transaction: KnexTransaction, dialect: Dialect): void {
  const candidate = transaction as {
    raw?: unknown;
    isTransaction?: unknown;
    client?: { dialect?: string };
    isCompleted?(): boolean;
  } | null;
  const refuse = (is: string): never => {
    throw invalidOptionError("transaction", `the trx that knex.transaction() gives, on ${dialect}`, is);
  };
  if (typeof candidate?.raw !== "function") return refuse(describe(candidate));
  if ("isTransaction" in candidate ? candidate.isTransaction !== true : "migrate" in candidate)
    return refuse("knex itself");
  if (candidate.isCompleted?.() === true) return refuse("one that has ended");
  const itsDialect = candidate.client?.dialect;
  if (itsDialect !== undefined && itsDialect !== knexDialects[dialect])
    refuse(`one of another database (${itsDialect})`);
}

const describe = (candidate: unknown): string => (candidate === null ? "null" : typeof candidate);
