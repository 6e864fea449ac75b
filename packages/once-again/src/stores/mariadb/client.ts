/** What we use of a connection of `mysql2/promise`. */
export interface MysqlConnection {
  query(statement: string, values?: unknown[]): Promise<[unknown, ...unknown[]]>;
  /** Gives it back to its pool. */
  release(): void;
  /** Closes it at once. */
  destroy(): void;
}

/** What we use of a pool of `mysql2/promise`. */
export interface MysqlPool<Connection> {
  query(statement: string, values?: unknown[]): Promise<[unknown, ...unknown[]]>;
  getConnection(): Promise<Connection>;
}

/** Runs one statement: its rows, or, for one that has none, what it changed. */
export type MysqlQuery = (statement: string, values?: readonly MysqlValue[]) => Promise<unknown>;

/** What a statement's parameter can be. Text is always given as bytes, which `mysql2` writes in hexadecimal. */
export type MysqlValue = number | Buffer | null;

export function mysqlQuery(client: Pick<MysqlConnection, "query">): MysqlQuery {
  return async (statement, values) => (await client.query(statement, values as unknown[] | undefined))[0];
}
