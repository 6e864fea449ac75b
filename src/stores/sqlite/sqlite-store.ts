import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { checkedNumber, invalidOption } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { checkedListLimit } from "../list-limit.ts";
import { type Apply, recordOperations } from "../record-operations.ts";
import type { TransactionalStore } from "../store.ts";
import { inspected, isExpired, transition } from "../transition.ts";
import { keyedWork, unkeyedWork } from "./keyed-work.ts";
import { keyRows } from "./rows.ts";
import { schema } from "./schema.ts";
import { begin, rollback } from "./transactions.ts";
import { turns } from "./turns.ts";

export interface SqliteStoreOptions {
  /** The database file, made if it is not there: your own, so that key and effect commit together. */
  path: string;
  /** How long one operation waits for its turn or for another process' lock, milliseconds; default 5000. */
  busyMsMax?: number;
  /** How many operations may wait for their turn, 1 or more; default 10,000. */
  queueMax?: number;
  /** Default the machine's clock, which every process on this file shares. */
  clock?: Clock;
}

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
  if (typeof options.path !== "string" || options.path === "") {
    throw invalidOption("path", "the path of a database file", options.path);
  }
  const clock = options.clock ?? systemClock;
  const busyMsMax = checkedNumber("busyMsMax", options.busyMsMax ?? 5000, { min: 0 });
  const queueMax = checkedNumber("queueMax", options.queueMax ?? 10_000, { min: 1, integer: true });
  const database = open(options.path);
  const rows = keyRows(database);
  const takeTurn = turns(clock, { waitMsMax: busyMsMax, queueMax });

  const committed = async <Value>(work: () => Promise<Value> | Value): Promise<Value> => {
    await begin(database, clock, busyMsMax);
    try {
      const value = await work();
      if (database.isTransaction) database.exec("COMMIT");
      return value;
    } finally {
      rollback(database);
    }
  };
  /** One transaction, alone on the connection. */
  const transaction = <Value>(work: () => Promise<Value> | Value): Promise<Value> => takeTurn(() => committed(work));

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
    close: () =>
      takeTurn(() => {
        if (database.isOpen) database.close();
      }),
  };
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // Another process may be opening it too; from then on we wait for locks without blocking.
    database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(schema);
    database.exec("PRAGMA busy_timeout = 0");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
