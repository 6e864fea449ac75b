import { checkNames, type OptionNames } from "../../core/option-names.ts";
import type { Clock } from "../../core/clock.ts";
import { checkNumber } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { checkAfter, checkListLimit } from "../list-limit.ts";
import { bodyBytesMaxByDefault, storedMessage } from "../outbox-message.ts";
import type { OutboxStore } from "../outbox-store.ts";
import { tableName } from "../sql/names.ts";
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
import type { MysqlConnection, MysqlPool } from "./client.ts";
import { messageAdder, type MariadbOutboxTransaction } from "./outbox-add.ts";
import { messageClaimer } from "./outbox-claim.ts";
import { outboxSchema, outboxStatements } from "./outbox-statements.ts";
import { checkPool } from "./pool.ts";
import { sessionOpener, sessionQuery } from "./session.ts";

/** Where an outbox in MariaDB has its messages, and how long it waits. */
export interface MariadbOutboxOptions {
  /** What the names of the tables begin with: 1 to 40 of a-z, 0-9 and _; default `once_again_`. */
  readonly tablePrefix?: string | undefined;
  /** The largest body of a message, bytes: at least 1, default 1,000,000. The broker has to take it. */
  readonly bodyBytesMax?: number | undefined;
  /** How long a free connection or the server's answer is waited for, milliseconds; default 5000. Not for `add`. */
  readonly busyMsMax?: number | undefined;
  /** What bounds the waits; default the machine's clock. Leases are decided by the database's. */
  readonly clock?: Clock | undefined;
}

/** An outbox in MariaDB. */
export interface MariadbOutbox extends OutboxStore<MariadbOutboxTransaction> {
  /** The SQL that `migrate` runs, for those who run it themselves. */
  readonly schemaSql: string;
  /** Makes the tables in the connection's database, unless they are there; any number of processes at a time. */
  migrate(): Promise<void>;
}

/**
 * An outbox in MariaDB 10.6 or newer (InnoDB), through your own pool of `mysql2/promise`. `add` takes a connection with your open
 * transaction: what a handler is given, or one after `beginTransaction()`; `fromKysely` and `fromKnex` make one of theirs. Whoever adds to an ordering key locks one of 16,384 rows
 * until the transaction ends, so keys that share a row wait for each other too, for as long as `innodb_lock_wait_timeout` says. After a
 * deadlock (error 1213) the server has rolled the transaction back: run it again from its beginning.
 *
 * Nothing wakes a relay, which looks every `pollMs`; call `relay.wake()` after a commit of the same process.
 *
 * @example
 * ```ts
 * const outbox = mariadbOutbox(mysql.createPool(process.env.DATABASE_URL!)); // mysql2/promise
 * await outbox.migrate();
 * await outbox.add(transaction, { topic: "orders", orderingKey: id, body: { id, item } });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function mariadbOutbox<Connection extends MysqlConnection>(
  pool: MysqlPool<Connection>,
  options: MariadbOutboxOptions = {},
): MariadbOutbox {
  checkNames("mariadbOutbox", options, {
    tablePrefix: true,
    bodyBytesMax: true,
    busyMsMax: true,
    clock: true,
  } satisfies OptionNames<MariadbOutboxOptions>);
  const { tablePrefix = "once_again_", clock = systemClock } = options;
  const whole = { min: 1, max: 2 ** 31 - 1, integer: true };
  const bodyBytesMax = checkNumber("bodyBytesMax", options.bodyBytesMax ?? bodyBytesMaxByDefault, whole);
  const busyMsMax = checkNumber("busyMsMax", options.busyMsMax ?? 5000, whole);
  const schema = outboxSchema(tableName(tablePrefix, "outbox"));
  checkPool(pool);
  const statements = outboxStatements(tableName(tablePrefix, "outbox"));
  const addMessage = messageAdder(statements);
  const query = sessionQuery(sessionOpener(pool, { clock, busyMsMax, isolation: "read committed" }));
  const changes = async (statement: string, id: string): Promise<boolean> =>
    ((await query(statement, [Buffer.from(id)])) as { affectedRows: number }).affectedRows > 0;

  return {
    schemaSql: schema.map((statement) => `${statement};\n`).join(""),
    async migrate() {
      for (const statement of schema) await pool.query(statement);
    },
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMax);
      await addMessage(transaction, stored);
      return stored.id;
    },
    claim: messageClaimer(query, statements),
    async confirm(positions) {
      if (positions.length > 0) await query(statements.confirm(positions.length), positions.map(Number));
    },
    postpone: async (requests) => void (await query(statements.postpone, [Buffer.from(postponedText(requests))])),
    async listParked(request = {}) {
      const rows = await query(statements.listParked, [Number(checkAfter(request)), checkListLimit(request)]);
      return (rows as ParkedRow[]).map(parkedOf);
    },
    async showParked(id) {
      const rows = await query(statements.showParked, [Buffer.from(id), showParkedMax]);
      return (rows as MessageRow[]).map(wholeParkedOf);
    },
    retryParked: (id) => changes(statements.retryParked, id),
    discardParked: (id) => changes(statements.discardParked, id),
    backlog: async () => backlogOf(((await query(statements.backlog)) as [BacklogRow])[0]),
  };
}
