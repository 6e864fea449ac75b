import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";

/** The part of a connection of `mysql2/promise` that we use. */
export interface MysqlConnection {
  query(statement: string, values?: unknown[]): Promise<[unknown, ...unknown[]]>;
  /** Gives it back to its pool. */
  release(): void;
  /** Closes it at once. */
  destroy(): void;
}

/** The part of a pool of `mysql2/promise` that we use. */
export interface MysqlPool<Connection> {
  query(statement: string, values?: unknown[]): Promise<[unknown, ...unknown[]]>;
  getConnection(): Promise<Connection>;
}

/** Runs one statement: its rows, or, for one that has none, what it changed. */
export type MysqlQuery = (statement: string, values?: readonly MysqlValue[]) => Promise<unknown>;

/** A parameter of a statement. Text is always given as bytes, which `mysql2` writes in hexadecimal. */
export type MysqlValue = number | Buffer | null;

export function mysqlQuery(client: Pick<MysqlConnection, "query">): MysqlQuery {
  return async (statement, values) => (await client.query(statement, values as unknown[] | undefined))[0];
}

/** The part of the options of a pool of `mysql2/promise` that we use: what changes the form of rows. */
interface RowOptions {
  readonly pool?: { readonly config?: { readonly connectionConfig?: Partial<Record<string, unknown>> } };
}

/**
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no pool of `mysql2/promise`, and for a pool that does not give rows
 *   as objects by the names of their columns.
 */
export function checkPool(pool: unknown): void {
  const isPool = hasMethod(pool, "getConnection") && hasMethod(pool, "query");
  if (!isPool || hasMethod(pool, "promise") || hasMethod(pool, "activeConnections")) {
    throw wrongClientError("pool", "a pool of mysql2/promise", pool);
  }
  const { connectionConfig = {} } = (pool as RowOptions).pool?.config ?? {};
  for (const option of ["rowsAsArray", "nestTables"]) {
    if (!connectionConfig[option]) continue;
    const expected = "off, since the store reads columns by their names: give it a pool without";
    throw invalidOptionError(`${option} of mysql2`, expected, connectionConfig[option]);
  }
}
