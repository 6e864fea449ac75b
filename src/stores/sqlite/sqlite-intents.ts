import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { intentSchema } from "../intent-statements.ts";
import type { IntentStore } from "../intent-store.ts";
import { sqlIntents, type SqlValue } from "../sql-intents.ts";
import { type SqliteOptions, sqliteConnection } from "./connection.ts";

/** SQLite orders text by its UTF-8 bytes, which is by code points, and has one writer at a time. */
const dialect = { now: "once_again_now()", bytes: "blob", id: "text NOT NULL", skipLocked: "" };

/**
 * Durable intents in a SQLite file (WAL, `synchronous=FULL`): what is acknowledged survives a crash of the process,
 * and of the machine as far as its disk keeps what it acknowledges. Any number of processes of one machine may share
 * the file; it may be the one that your own tables are in.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `node:sqlite` throws when the file can't be opened.
 */
export function sqliteIntents(options: SqliteOptions): IntentStore {
  const { opened, takeTurn, transaction, close } = sqliteConnection(options, intentSchema(dialect), runner);
  const run = (text: string, values: readonly SqlValue[]): unknown[] => opened().prepared(text, values);
  return sqlIntents(
    {
      read: (text, values) => takeTurn(() => run(text, values)),
      write: (text, values) => transaction(() => run(text, values)),
      close,
    },
    dialect,
  );
}

/** Runs statements, each prepared once. */
function runner(database: DatabaseSync, clock: Clock): (text: string, values: readonly SqlValue[]) => unknown[] {
  database.function("once_again_now", () => Math.floor(clock.now()));
  const prepared = new Map<string, StatementSync>();
  return (text, values) => {
    const statement = prepared.get(text) ?? database.prepare(text);
    prepared.set(text, statement);
    // SQLite takes `$1` for a name.
    return statement.all(Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value])));
  };
}
