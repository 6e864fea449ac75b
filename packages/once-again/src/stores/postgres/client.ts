import { hash } from "node:crypto";
import { hasMethod } from "../../core/duck-typing.ts";
import { invalidOptionError } from "../../core/options.ts";
import { withOurNames } from "../sql/names.ts";

/** The part of a Pool or Client of `pg` that we use. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
  query(statement: {
    readonly text: string;
    readonly name?: string;
    readonly values?: unknown[];
    readonly types?: PgTypes;
  }): Promise<{ rows: unknown[] }>;
}

/** How `pg` reads values, by the number of their type. */
export interface PgTypes {
  getTypeParser(type: number): (value: string) => unknown;
}

/** The part that we use of a connection lent by a Pool of `pg`. */
export interface PgConnection extends PgClient {
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
  release(destroy?: boolean): void;
}

/** The part of a Pool of `pg` that we use. Both forms of `connect` are here, so that TypeScript finds the connection's type. */
export interface PgPool<Connection> extends PgClient {
  connect(): Promise<Connection>;
  connect(
    callback: (error: Error | undefined, client: Connection | undefined, done: (release?: never) => void) => void,
  ): void;
  /** An idle connection that breaks is reported by an event. */
  on?(event: "error", listener: () => void): unknown;
  readonly options?: { readonly max?: number | undefined } | undefined;
}

/** The part of the `sql` of `postgres` (postgres.js) that we use. */
export interface PostgresJsClient {
  unsafe(text: string, values?: never[], options?: PostgresJsOptions): PromiseLike<readonly unknown[]>;
}

/** How `postgres` sends a statement. */
export interface PostgresJsOptions {
  readonly prepare?: boolean | undefined;
  /** Is called with the connection as soon as it is sent on it; where it returns `false`, nothing else is sent behind. */
  readonly onexecute?: ((link: never) => boolean) | undefined;
}

/** The part that we use of a connection lent by `sql.reserve()` of `postgres`. */
export interface PostgresJsConnection extends PostgresJsClient {
  release(): void;
}

/** The part of the `sql` of `postgres` that we use to reserve a connection for a transaction. */
export interface PostgresJsPool<Connection> extends PostgresJsClient {
  reserve(): Promise<Connection>;
  readonly options?: { readonly max?: number | undefined } | undefined;
}

/** The part of a connection lent by a pool of `Bun.sql` that we use. */
export interface BunConnection extends PostgresJsConnection {
  close(options: { readonly timeout: number }): Promise<void>;
}

/** Whether a pool is one of `Bun.sql`, which looks like one of `postgres`. */
export function isBunSql(pool: object): boolean {
  return "options" in pool && (pool.options as { adapter?: unknown } | undefined)?.adapter === "postgres";
}

/** A connection that a pool lends: what handlers are given has this and more. */
export type PostgresConnection = PgConnection | PostgresJsConnection;

/** Your own connection to PostgreSQL: of `pg`, or of `postgres`. */
export type PostgresClient = PgClient | PostgresJsClient;

/** Your own pool of connections to PostgreSQL: a Pool of `pg`, or the `sql` of `postgres`. */
export type PostgresPool<Connection> = PgPool<Connection> | PostgresJsPool<Connection>;

/** Runs one statement and answers with its rows. */
export type PostgresQuery = (text: string, values?: readonly unknown[]) => Promise<readonly unknown[]>;

/**
 * Runs statements through either client, and answers with their rows. Several statements in one text travel in one
 * message, run in one transaction and can have no values; the answer is then a list: the rows of each statement that
 * has columns.
 *
 * @param prepare whether a statement with values is parsed and planned once for each connection, not each time; default true.
 */
export function postgresQuery(client: PostgresClient, prepare = true): PostgresQuery {
  if ("unsafe" in client) {
    return async (text, values) => {
      // Without a prepared statement, `postgres` asks for the types of the values first: another trip, each time.
      const isPrepared = prepare && values !== undefined;
      const answer = await client.unsafe(text, values as never[] | undefined, { prepare: isPrepared });
      return "command" in answer
        ? withOurNames(answer)
        : (answer as unknown as (unknown[] & { columns?: unknown[] | null })[])
            // `postgres` has no columns for a statement without any, `Bun.sql` a list of none.
            .filter(({ columns }) => columns && columns.length > 0)
            .map(withOurNames);
    };
  }
  refuseBinary(client);
  // An object that a program has made around a client may take a text alone.
  const isPg = hasMethod(client, "getTypeParser") || "totalCount" in client;
  return async (text, values) => {
    const isPrepared = prepare && values !== undefined;
    const answer: unknown =
      isPg || isPrepared
        ? await client.query({
            text,
            ...(values !== undefined && { values: [...values] }),
            ...(isPrepared && { name: statementName(text) }),
            types: ourTypes,
          })
        : await client.query(text, values as unknown[] | undefined);
    if (!Array.isArray(answer)) return (answer as PgAnswer).rows;
    return (answer as PgAnswer[]).filter(({ fields }) => fields.length > 0).map(({ rows }) => rows);
  };
}

/**
 * With `binary`, `pg` takes the bytes of an answer for text, and so changes all that are no UTF-8.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function refuseBinary(client: object): void {
  const { options, binary = options?.binary } = client as { binary?: unknown; options?: { binary?: unknown } };
  if (binary === true)
    throw invalidOptionError("binary of pg", "off: pg reads bytes as text there, and changes them", binary);
}

/** How the values of our columns are read, by the numbers of their types. All others are text. */
const readers: Partial<Record<number, (value: string) => unknown>> = {
  16: (value) => value === "t",
  17: (value) => Buffer.from(value.slice(2), "hex"),
  23: Number,
};

/**
 * A program may have `pg` read values of its columns as it likes (`types.setTypeParser`), and ours have the same types: read like
 * that, a good record would be taken for a broken one.
 */
const ourTypes: PgTypes = { getTypeParser: (type) => readers[type] ?? String };

const statementNames = new Map<string, string>();

/** The name that `pg` prepares a statement under. */
function statementName(text: string): string {
  const name = statementNames.get(text) ?? preparedName(text);
  statementNames.set(text, name);
  return name;
}

/** A name to prepare a statement under: one for each text, whatever else the connection has prepared. */
export function preparedName(text: string): string {
  return `once_again_${hash("sha256", text, "hex").slice(0, 32)}`;
}

interface PgAnswer {
  rows: unknown[];
  fields: unknown[];
}
