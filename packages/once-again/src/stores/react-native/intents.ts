import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import type { IntentStore } from "../intent-store.ts";
import { intentSchema, sqlIntents, type SqlConnection, type SqlValue } from "../sql/intents.ts";
import type { ExpoDatabase, OpDatabase } from "./client.ts";

/** SQLite's own clock, in whole milliseconds: one statement has one time. */
const dialect = {
  now: "CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer)",
  bytes: "blob",
  id: "text NOT NULL",
  lock: "",
  skipLocked: "",
  textsIn: (json: string) => `(SELECT value FROM json_each(${json}))`,
};

type Run = (statement: string, values?: readonly SqlValue[]) => Promise<readonly unknown[]>;

/**
 * Durable intents in an app, in a database of expo-sqlite or op-sqlite. Each call is one statement that commits by itself, synced
 * (`synchronous=FULL`). Give it a separate connection (`useNewConnection: true` in Expo): within a transaction of yours it would
 * roll back with that. The tables are made by the first call. `close()` leaves your database open.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for another client.
 * @example
 * ```ts
 * declare const database: Parameters<typeof reactNativeIntents>[0]; // await openDatabaseAsync("intents.db", { useNewConnection: true })
 * const intents = openIntents({ store: reactNativeIntents(database), keys: ["https://api.shop.example"] });
 * ```
 */
export function reactNativeIntents(database: ExpoDatabase | OpDatabase): IntentStore {
  const run = runner(database);
  let isPrepared = false;
  const prepare = async (): Promise<void> => {
    for (const statement of [
      "PRAGMA journal_mode = WAL",
      "PRAGMA synchronous = FULL",
      "PRAGMA busy_timeout = 5000",
      ...intentSchema(dialect).split(";"),
    ]) {
      if (statement.trim() !== "") await run(statement);
    }
  };
  const ask: SqlConnection["read"] = async (statement, values) => {
    // Each call until one has succeeded: another connection may have held the lock, or the app was suspended in the middle of it.
    if (!isPrepared) await prepare();
    isPrepared = true;
    return (await run(statement, values)).map(readRow);
  };
  return sqlIntents({ read: ask, write: ask, close: async () => undefined }, dialect);
}

/** Both take a list of values, for the parameters `?1`, `?2` and so on. */
function runner(database: ExpoDatabase | OpDatabase): Run {
  if (hasMethod(database, "getAllAsync")) {
    const expo = database as ExpoDatabase;
    return (statement, values = []) => expo.getAllAsync(numbered(statement), [...values] as never[]);
  }
  if (hasMethod(database, "execute")) {
    const op = database as OpDatabase;
    return async (statement, values = []) => (await op.execute(numbered(statement), [...values] as never[])).rows;
  }
  throw wrongClientError("database", "a database of expo-sqlite or op-sqlite, opened", database);
}

function numbered(statement: string): string {
  return statement.replaceAll(/\$(\d+)/g, "?$1");
}

/** op-sqlite gives bytes as an ArrayBuffer. */
function readRow(row: unknown): unknown {
  const columns = Object.entries(row as object).map(([name, value]) => [
    name,
    value instanceof ArrayBuffer ? new Uint8Array(value) : value,
  ]);
  return Object.fromEntries(columns);
}
