import type { DatabaseSync } from "node:sqlite";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { checkAfter, checkListLimit } from "../list-limit.ts";
import { bodyBytesMaxByDefault, storedMessage } from "../outbox-message.ts";
import type { OutboxStore } from "../outbox-store.ts";
import {
  backlogOf,
  type BacklogRow,
  type MessageRow,
  parkedOf,
  type ParkedRow,
  postponedText,
  showParkedMax,
  wholeParkedOf,
} from "../sql/outbox-rows.ts";
import { type SqliteOptions, sqliteConnection } from "./connection.ts";
import { listenOn } from "./listen.ts";
import { messageAdder } from "./outbox-add.ts";
import { messageClaimer } from "./outbox-claim.ts";
import { outboxQueries, outboxSchema } from "./outbox-statements.ts";
import { commitAtOnce } from "./transactions.ts";

/** Where an outbox in SQLite has its messages, and how long it waits: your own file, so that message and effect commit together. */
export interface SqliteOutboxOptions extends SqliteOptions {
  /** The largest body of a message, bytes: at least 1, default 1,000,000. The broker has to take it. */
  readonly bodyBytesMax?: number | undefined;
}

/** An outbox in a SQLite file. */
export interface SqliteOutbox extends OutboxStore<DatabaseSync> {
  /** The statements that make its table, which opening the outbox has run. */
  readonly schemaSql: string;
  /** Closes its connection. Close the relays on it first. */
  close(): Promise<void>;
}

/**
 * An outbox in a SQLite file (WAL, `synchronous=FULL`), which any number of processes of one machine share. It opens a
 * connection of its own, for relays. `add` takes yours: what a handler is given, or a `DatabaseSync` of the same file on which
 * you have run BEGIN IMMEDIATE. The message is written before `add` returns. A relay hears of commits, of any process.
 *
 * @example
 * ```ts
 * const outbox = sqliteOutbox({ path: "shop.db" });
 * // In a handler, or in any transaction of yours:
 * transaction.prepare("INSERT INTO orders (id, item) VALUES (?, ?)").run(id, item);
 * await outbox.add(transaction, { topic: "orders", orderingKey: id, body: { id, item } });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `node:sqlite` throws when the file can't be opened.
 */
export function sqliteOutbox(options: SqliteOutboxOptions): SqliteOutbox {
  checkNames("sqliteOutbox", options, {
    path: true,
    bodyBytesMax: true,
    busyMsMax: true,
    queueMax: true,
    clock: true,
  } satisfies OptionNames<SqliteOutboxOptions>);
  const { bodyBytesMax: bytesMax = bodyBytesMaxByDefault, ...connecting } = options;
  const bodyBytesMax = checkNumber("bodyBytesMax", bytesMax, { min: 1, integer: true });
  if (options.path === ":memory:") {
    throw invalidOptionError("path", "a database file, which your transactions share", options.path);
  }
  const connection = sqliteConnection(connecting, outboxSchema, outboxQueries);
  const { database, prepared: queries, clock, busyMsMax, takeTurn, close } = connection;
  const write = <Value>(work: () => Value): Promise<Value> =>
    takeTurn(() => commitAtOnce(database, clock, busyMsMax, work));
  const now = (): number => Math.floor(clock.now());
  const addMessage = messageAdder(database, clock);

  return {
    schemaSql: outboxSchema,
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMax);
      addMessage(transaction, stored);
      return stored.id;
    },
    claim: messageClaimer(connection),
    confirm: (positions) => write(() => void queries.run("confirm", JSON.stringify(positions))),
    postpone: (requests) => write(() => void queries.run("postpone", now(), postponedText(requests))),
    listen: async (onAdded, onLost) => listenOn(database, clock, onAdded, onLost),
    listParked: async (request = {}) => {
      const [after, limit] = [checkAfter(request), checkListLimit(request)];
      return takeTurn(() => queries.all<ParkedRow>("listParked", after, limit).map(parkedOf));
    },
    showParked: (id) => takeTurn(() => queries.all<MessageRow>("showParked", id, showParkedMax).map(wholeParkedOf)),
    retryParked: (id) => write(() => queries.run("retryParked", id) > 0),
    discardParked: (id) => write(() => queries.run("discardParked", id) > 0),
    backlog: () => takeTurn(() => backlogOf(queries.all<BacklogRow>("backlog", now())[0]!)),
    close,
  };
}
