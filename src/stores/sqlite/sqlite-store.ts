import type { DatabaseSync } from "node:sqlite";
import { checkedListLimit } from "../list-limit.ts";
import { type Apply, recordOperations } from "../record-operations.ts";
import type { TransactionalStore } from "../store.ts";
import { inspected, isExpired, transition } from "../transition.ts";
import { type SqliteOptions, sqliteConnection } from "./connection.ts";
import { keyedStep, keyedWork, unkeyedWork } from "./keyed-work.ts";
import { keyRows } from "./rows.ts";
import { schema } from "./schema.ts";

/** How a store opens its database: your own file, so that key and effect commit together. */
export type SqliteStoreOptions = SqliteOptions;

/**
 * A store in a SQLite file (WAL, `synchronous=FULL`): an acknowledged claim or result survives a crash of the process,
 * and of the machine as far as its disk keeps what it acknowledges.
 *
 * It opens a connection of its own, which a transaction owns while it runs: one writer at a time, as SQLite has it.
 * Handlers write through the connection they are given. Reading elsewhere, on your own connections, is always fine.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `node:sqlite` throws when the file can't be opened.
 */
export function sqliteStore(options: SqliteStoreOptions): TransactionalStore<DatabaseSync> {
  const connection = sqliteConnection(options, schema);
  const { database, clock, takeTurn, committed, transaction } = connection;
  const rows = keyRows(database);

  // One turn for both steps: operations on this connection take effect in the order in which they were asked for.
  const apply: Apply = (operation) =>
    takeTurn(() => {
      const step = () => {
        const stored = rows.read(operation);
        return { stored, ...transition(stored, operation, clock.now()) };
      };
      // Most replays change nothing, and need no write lock.
      const seen = step();
      if (seen.record === seen.stored) return seen.answer;
      return committed(() => {
        const { stored, record, answer } = step();
        if (record === undefined) rows.remove(operation);
        else if (record !== stored) rows.write(operation, record);
        return answer;
      });
    });

  return {
    survivesFailover: "yes",
    ...recordOperations(apply),
    transact: (request, work) => transaction(() => keyedWork({ database, rows, clock }, request, work)),
    transactStep: (request, work) => transaction(() => keyedStep({ database, rows, clock }, request, work)),
    transactUnkeyed: (work) => transaction(() => unkeyedWork(database, work)),
    inspect: (name) =>
      takeTurn(() => {
        const record = rows.read(name);
        const now = clock.now();
        return record === undefined || isExpired(record, now) ? undefined : inspected(name, record, now);
      }),
    list: async (request) => {
      const limit = checkedListLimit(request);
      return takeTurn(() => {
        const now = clock.now();
        return rows.list({ ...request, limit }, now).map((found) => inspected(found, found.record, now));
      });
    },
    purge: ({ limit }) => transaction(() => rows.purge(limit, clock.now())),
    close: () => connection.close(),
  };
}
