import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";

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

/** A parameter of a statement. Text is always given as bytes, which are written in hexadecimal. */
export type MysqlValue = number | Buffer | null;

export function mysqlQuery(client: Pick<MysqlConnection, "query">): MysqlQuery {
  // Others have their own way with values, and `mysql2` that of its program, where it has a `queryFormat`.
  const callbacks = callbacksOf(client);
  if (callbacks === undefined)
    return async (statement, values) => (await client.query(statement, values as unknown[] | undefined))[0];
  const formed = formOf(callbacks);
  return async (statement, values) => (await (client as FormedQuery).query(formed(withValues(statement, values))))[0];
}

/** More of a connection of `mysql2/promise`. */
interface FormedQuery {
  query(statement: string | FormedStatement): Promise<[unknown, ...unknown[]]>;
}

/** The part of a connection with callbacks, inside of one of `mysql2/promise`, that we use. */
interface CallbackQuery {
  readonly config?: RowOptions;
  /** Without values, that is with null, it does not look for question marks. */
  query(
    statement: string | FormedStatement,
    values: null,
    onResult: (error: Error | null, answer: unknown) => void,
  ): unknown;
}

/** The options of a connection that change the form of its rows. */
interface RowOptions {
  readonly typeCast?: unknown;
  readonly rowsAsArray?: unknown;
  readonly nestTables?: unknown;
}

/** A statement with the form that its rows shall have. */
interface FormedStatement extends RowOptions {
  readonly sql: string;
}

/** Rows as objects by the names of their columns, with values as `mysql2` reads them by default. */
const defaultForm: RowOptions = {
  // A function takes the place of the connection's own, which `true` does not.
  typeCast: (_field: unknown, next: () => unknown) => next(),
  rowsAsArray: false,
  nestTables: false,
};

/** A program may have its connections give rows in another form. Ours are read in one, and so asked for in it. */
function formOf({ config = {} }: CallbackQuery): (sql: string) => string | FormedStatement {
  const { typeCast = true, rowsAsArray, nestTables } = config;
  if (typeCast === true && !rowsAsArray && !nestTables) return (sql) => sql;
  return (sql) => ({ sql, ...defaultForm });
}

/** The connection with callbacks in one of `mysql2/promise`. An object that a program has made around one may have none. */
const callbacksOf = (client: object): CallbackQuery | undefined =>
  (client as { readonly connection?: CallbackQuery }).connection;

/**
 * The same on a connection of the pool, for the store's own statements. For an error that there may be, a promise of `mysql2`
 * captures the stack of the call, through all the functions that await it: a fifth of what a transaction costs. A callback
 * does not.
 */
export function storeQuery(connection: MysqlConnection): MysqlQuery {
  const callbacks = callbacksOf(connection);
  if (callbacks === undefined) return async (text, values) => (await connection.query(withValues(text, values)))[0];
  const formed = formOf(callbacks);
  return (text, values) =>
    new Promise((resolve, reject) => {
      callbacks.query(formed(withValues(text, values)), null, (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
}

/** A statement with its values in the place of its question marks. Ours have no others. */
function withValues(statement: string, values: readonly MysqlValue[] = []): string {
  let text = "";
  let from = 0;
  for (const value of values) {
    const at = statement.indexOf("?", from);
    text += statement.slice(from, at) + literal(value);
    from = at + 1;
  }
  return text + statement.slice(from);
}

/** Whatever a caller without types has given is a literal. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return `x'${bytes.toString("hex")}'`;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no pool of `mysql2/promise`. */
export function checkPool(pool: unknown): void {
  const isPool = hasMethod(pool, "getConnection") && hasMethod(pool, "query");
  if (!isPool || hasMethod(pool, "promise") || hasMethod(pool, "activeConnections")) {
    throw wrongClientError("pool", "a pool of mysql2/promise, such as createPool(url)", pool);
  }
}
