import type { DatabaseSync } from "node:sqlite";
import { checkedListLimit } from "../list-limit.ts";
import { type Apply, recordOperations } from "../record-operations.ts";
import type { TransactionalStore } from "../store.ts";
import { type AnswerTo, inspected, isExpired, type Operation } from "../transition.ts";
import { type SqliteOptions, sqliteConnection } from "./connection.ts";
import { grouped } from "./grouped.ts";
import { type Ground, keyedStep, keyedWork, unkeyedWork } from "./keyed-work.ts";
import { recordWriter } from "./record-writer.ts";
import { keyRows } from "./rows.ts";
import { schema } from "./schema.ts";
import type { TakeTurn } from "./turns.ts";

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
  const connection = sqliteConnection(options, schema, keyRows);
  const { opened, clock, committed, queueMax } = connection;
  const ground = (): Ground => {
    const { database, prepared: rows } = opened();
    return { database, rows, clock };
  };

  const { ask, takeTurn } = grouped(connection.takeTurn, queueMax, recordWriter(connection));
  const apply: Apply = async <Asked extends Operation>(operation: Asked) => (await ask(operation)) as AnswerTo<Asked>;
  const transaction: TakeTurn = (work) => takeTurn(() => committed(work));

  return {
    survivesFailover: "yes",
    ...recordOperations(apply),
    transact: (request, work) => transaction(() => keyedWork(ground(), request, work)),
    transactStep: (request, work) => transaction(() => keyedStep(ground(), request, work)),
    transactUnkeyed: (work) => transaction(() => unkeyedWork(ground().database, work)),
    inspect: (name) =>
      takeTurn(() => {
        const record = ground().rows.read(name);
        const now = clock.now();
        return record === undefined || isExpired(record, now) ? undefined : inspected(name, record, now);
      }),
    list: async (request) => {
      const limit = checkedListLimit(request);
      return takeTurn(() => {
        const now = clock.now();
        return ground()
          .rows.list({ ...request, limit }, now)
          .map((found) => inspected(found, found.record, now));
      });
    },
    purge: ({ limit }) => transaction(() => ground().rows.purge(limit, clock.now())),
    close: () => connection.close(),
  };
}
