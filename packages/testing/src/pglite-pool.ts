import { OnceAgainError } from "once-again";

/** The part of a PGlite of `@electric-sql/pglite` that we use. */
export interface PgliteClient {
  query(text: string, values?: unknown[]): Promise<PgliteRows>;
  exec(text: string): Promise<PgliteRows[]>;
}

/** The rows of one statement. */
export interface PgliteRows {
  rows: unknown[];
  fields: unknown[];
}

type PreparedQuery = { name: string; text: string; values: unknown[] };

/** The one connection, lent until `release`. */
export interface PgliteConnection {
  query(text: string, values?: unknown[]): Promise<PgliteRows>;
  query(prepared: PreparedQuery): Promise<PgliteRows>;
  /** A PGlite has no connection that could break: it emits nothing. */
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
  /** @param destroy whether what is open on it is to be rolled back. */
  release(destroy?: boolean): void;
}

/** A pool of one connection, as `postgresStore` takes it. */
export interface PglitePool extends Pick<PgliteConnection, "query"> {
  connect(): Promise<PgliteConnection>;
  connect(callback: (error: Error | undefined, client: PgliteConnection | undefined, done: () => void) => void): void;
  readonly options: { readonly max: 1 };
}

/**
 * PostgreSQL for your tests without a server: a PGlite, which is PostgreSQL in the process, as a pool of one connection. Who comes
 * while it is lent waits, first come, first served: so one transaction runs at a time, and nothing beside it.
 *
 * It is for tests: what is asked beside an open transaction, such as a renewal of a lease, waits until that ends. `LISTEN` needs a
 * server, so a relay of an outbox only polls.
 *
 * @param pglite yours to close.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no PGlite.
 * @example
 * ```ts
 * import { PGlite } from "@electric-sql/pglite";
 * import { postgresStore } from "once-again/stores/postgres";
 *
 * const store = postgresStore(pglitePool(await PGlite.create()));
 * await store.migrate();
 * ```
 */
export function pglitePool(pglite: PgliteClient): PglitePool {
  if (typeof pglite?.query !== "function" || typeof pglite.exec !== "function") {
    throw new OnceAgainError(
      "ONCE_OPTION_INVALID",
      "pglite must be a PGlite of @electric-sql/pglite: await PGlite.create().",
      {
        details: { option: "pglite" },
      },
    );
  }
  const query = async (given: string | PreparedQuery, values?: unknown[]): Promise<PgliteRows> => {
    if (typeof given !== "string") return pglite.query(given.text, given.values);
    if (values !== undefined) return pglite.query(given, values);
    // Several statements in one text: as pg, the answer is then a list.
    const answers = await pglite.exec(given);
    return answers.length === 1 ? answers[0]! : (answers as unknown as PgliteRows);
  };
  let last: Promise<unknown> = Promise.resolve();
  const lend = async (): Promise<PgliteConnection> => {
    const { promise: released, resolve } = Promise.withResolvers<void>();
    const before = last;
    last = released;
    await before;
    return {
      query,
      on: () => undefined,
      removeListener: () => undefined,
      release(destroy = false) {
        if (destroy)
          void pglite.exec("ROLLBACK").then(
            () => resolve(),
            () => resolve(),
          );
        else resolve();
      },
    };
  };
  function connect(): Promise<PgliteConnection>;
  function connect(
    callback: (error: Error | undefined, client: PgliteConnection | undefined, done: () => void) => void,
  ): void;
  function connect(
    callback?: (error: Error | undefined, client: PgliteConnection | undefined, done: () => void) => void,
  ): Promise<PgliteConnection> | void {
    if (callback === undefined) return lend();
    void (async () => {
      const connection = await lend();
      callback(undefined, connection, () => connection.release());
    })();
  }
  return {
    connect,
    async query(...given: Parameters<typeof query>) {
      const connection = await lend();
      try {
        return await query(...given);
      } finally {
        connection.release();
      }
    },
    options: { max: 1 },
  };
}
