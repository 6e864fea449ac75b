import { closeSync, openSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { addIntent, intentSchema, intentStatements, sqlIntents, type SqlValue } from "../sql/intents.ts";
import type { TransactionalIntentStore } from "../intent-store.ts";
import { checkTransaction, sqliteConnection, type SqliteOptions } from "./connection.ts";

/** SQLite orders text by its UTF-8 bytes, which is by code points, and has one writer at a time. */
const dialect = {
  now: "once_again_now()",
  bytes: "blob",
  id: "text NOT NULL",
  lock: "",
  skipLocked: "",
  textsIn: (json: string) => `(SELECT value FROM json_each(${json}))`,
};

/** The same on a connection of others, to which our function is not known: the time is a value. */
const statementsWithin = intentStatements({ ...dialect, now: "CAST($12 AS integer)" });

/**
 * Durable intents in a SQLite file (WAL, `synchronous=FULL`): what is acknowledged survives a crash of the process,
 * and of the machine as far as its disk keeps what it acknowledges. Any number of processes of one machine may share
 * the file; it may be the one that your own tables are in, and then `addWithin` takes your open transaction: what a handler is
 * given, or a `DatabaseSync` of the file on which you have run BEGIN IMMEDIATE. A new file is readable for its owner alone (mode 0600).
 *
 * @example
 * ```ts
 * const store = sqliteIntents({ path: "intents.db" });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `node:sqlite` throws when the file can't be opened.
 */
export function sqliteIntents(options: SqliteOptions): TransactionalIntentStore<DatabaseSync> {
  makePrivate((options as SqliteOptions | null | undefined)?.path);
  const connection = sqliteConnection(options, intentSchema(dialect), runner);
  const { database, clock, prepared: run, takeTurn, transaction, close } = connection;
  const store = sqlIntents(
    {
      read: (text, values) => takeTurn(() => run(text, values)),
      write: (text, values) => transaction(() => run(text, values)),
      close,
    },
    dialect,
  );
  const location = database.location();
  return {
    ...store,
    async addWithin(given, request) {
      checkTransaction(given, location);
      const read = async (text: string, values: readonly SqlValue[]) => {
        const statement = given.prepare(text);
        // The program may have its connection give rows as lists.
        statement.setReturnArrays(false);
        return statement.all(byName(values));
      };
      return addIntent(
        { read, write: (text, values) => read(text, [...values, Math.floor(clock.now())]) },
        statementsWithin,
        request,
      );
    },
  };
}

/**
 * Makes the file readable for its owner alone, since requests and answers are in it; SQLite gives its log the same
 * rights. One that is there keeps the rights that it has.
 */
function makePrivate(path: string | undefined): void {
  if (typeof path !== "string" || path === "" || path === ":memory:") return;
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there, or can't be made, which SQLite will say.
  }
}

/** Runs statements, each prepared once. */
function runner(database: DatabaseSync, clock: Clock): (text: string, values: readonly SqlValue[]) => unknown[] {
  database.function("once_again_now", () => Math.floor(clock.now()));
  const prepared = new Map<string, StatementSync>();
  return (text, values) => {
    const statement = prepared.get(text) ?? database.prepare(text);
    prepared.set(text, statement);
    return statement.all(byName(values));
  };
}

/** SQLite takes `$1` for a name. */
function byName(values: readonly SqlValue[]): Record<string, SqlValue> {
  return Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value]));
}
