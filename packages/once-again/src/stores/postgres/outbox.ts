import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkChoice } from "../../core/options.ts";
import { checkAfter, checkListLimit } from "../list-records.ts";
import { checkBodyBytesMax, type OutboxBounds, storedMessage, type StoredMessage } from "../outbox-message.ts";
import type { OutboxStore, UnconfirmedState } from "../outbox-store.ts";
import {
  readBacklog,
  type BacklogRow,
  checkDiscarding,
  claimedBatches,
  claimRound,
  type DiscardedRow,
  keylessAnewEvery,
  listStates,
  type MessageRow,
  type PlaceRow,
  postponedText,
  readDiscarded,
  readPlace,
  readUnconfirmed,
  readWholeUnconfirmed,
  showMax,
  type UnconfirmedRow,
} from "../sql/outbox.ts";
import { tableName } from "../sql/names.ts";
import { checkSqlOptions, type MigratedTables, type SqlOptions, sqlOptionNames } from "../sql/options.ts";
import { type PostgresConnection, type PostgresPool, type PostgresQuery, postgresQuery } from "./client.ts";
import { explainErrors, rethrowExplained } from "./errors.ts";
import { listenOn } from "./listen.ts";
import { clock, withLiterals } from "./statements.ts";
import { notifyAfterCommit } from "./notify-after-commit.ts";
import { notOpenError, type PostgresTransaction, transactionQuery } from "./callers-transaction.ts";
import { outboxSchema, outboxStatements } from "./outbox-statements.ts";
import { checkPool, outliveBrokenConnections, poolAccess } from "./pool.ts";
import { migrationLock } from "./schema.ts";

/** Where an outbox in PostgreSQL has its messages, and how long it waits. */
export interface PostgresOutboxOptions extends SqlOptions, OutboxBounds {
  /**
   * How relays are woken, by NOTIFY. `"grouped"` (default): this process notifies some milliseconds after its commits, once for all
   * of that time, from a connection of the pool. A process that ends or is frozen before that wakes no relay, which finds the
   * message at its next look. `true`: the commit itself notifies. PostgreSQL lets such commits through one at a time, each with
   * its own flush to the disk, and refuses to prepare them (`PREPARE TRANSACTION`). `false`: relays find it at their next look.
   */
  readonly notify?: boolean | "grouped" | undefined;
  /** As in `postgresStore`; default true. */
  readonly prepare?: boolean | undefined;
}

/** An outbox in PostgreSQL. */
export interface PostgresOutbox extends OutboxStore<PostgresTransaction>, MigratedTables {}

/**
 * An outbox in PostgreSQL 12 or newer, through your own pool: a Pool of `pg`, or the `sql` of `postgres`. `add` takes your
 * open transaction: what a handler is given, a client of `pg` after BEGIN, the `sql` of `sql.begin`, or that of another
 * library by `fromKysely`, `fromDrizzle`, `fromKnex`, `fromPrisma` and so on. One that has ended takes nothing; one that has written nothing yet costs two
 * more round trips. Relays need a second connection of the pool to be woken by.
 *
 * @example
 * ```ts
 * const outbox = postgresOutbox(pool);
 * await outbox.migrate();
 * // In a handler, or in any transaction of yours:
 * await transaction.query("INSERT INTO orders (id, item) VALUES ($1, $2)", [id, item]);
 * await outbox.add(transaction, { topic: "orders", orderingKey: id, body: { id, item } });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function postgresOutbox(
  pool: PostgresPool<PostgresConnection>,
  options: PostgresOutboxOptions = {},
): PostgresOutbox {
  checkNames("postgresOutbox", options, {
    ...sqlOptionNames,
    bodyBytesMax: true,
    notify: true,
    prepare: "boolean",
  } satisfies OptionNames<PostgresOutboxOptions>);
  const { tablePrefix, busyMsMax, clock } = checkSqlOptions(options);
  const { prepare = true } = options;
  const notify = checkChoice("notify", options.notify ?? "grouped", ["grouped", true, false]);
  const bodyBytesMax = checkBodyBytesMax(options);
  const schemaSql = outboxSchema(tablePrefix);
  checkPool(pool);
  outliveBrokenConnections(pool);
  const access = poolAccess(pool, { clock, busyMsMax, prepare });
  const query = explainErrors(access.query);
  const write = readCommitted(query);
  const statements = outboxStatements(tablePrefix);
  const channel = tableName(tablePrefix, "outbox");
  const onAdded = notify === "grouped" ? notifyAfterCommit(channel, query, clock) : undefined;
  const addMessage = messageAdder(tablePrefix, { notify: notify === true, prepare }, onAdded);
  const rows = async <Row>(statement: string, ...values: unknown[]): Promise<Row[]> =>
    (await query(statement, values)) as Row[];

  return {
    schemaSql,
    async migrate() {
      await postgresQuery(pool)(`SELECT pg_advisory_xact_lock(${migrationLock}); ${schemaSql}`);
    },
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMax);
      await addMessage(transaction, stored).catch(rethrowExplained);
      return stored.id;
    },
    claim: messageClaimer(write, statements),
    confirm: async (positions) => void (await write(withLiterals(statements.confirm, [JSON.stringify(positions)]))),
    postpone: async (requests) => void (await write(withLiterals(statements.postpone, [postponedText(requests)]))),
    listen: async (onAdded, onLost) =>
      notify === false ? undefined : listenOn(pool, channel, onAdded, onLost, access.limitTime),
    async listUnconfirmed(request = {}) {
      const [after, limit] = [checkAfter(request), checkListLimit(request)];
      const ofState = (state: UnconfirmedState) => rows<UnconfirmedRow>(statements.list[state], after, limit);
      return (await listStates(request, limit, ofState)).map(readUnconfirmed);
    },
    async showUnconfirmed(id) {
      const ofState = (state: UnconfirmedState) => rows<MessageRow>(statements.show[state], id, showMax);
      return (await listStates({}, showMax, ofState)).map(readWholeUnconfirmed);
    },
    listPlaces: async () => (await rows<PlaceRow>(statements.listPlaces)).map(readPlace),
    retryParked: async (id) => (await query(statements.retryParked, [id])).length > 0,
    async discardParked(id, discarding) {
      const { note, retentionMs } = checkDiscarding(discarding);
      return (await query(statements.discardParked, [id, Buffer.from(note), retentionMs])).length > 0;
    },
    async listDiscarded(request = {}) {
      const values = [request.id ?? null, checkListLimit(request)];
      return (await rows<DiscardedRow>(statements.listDiscarded, ...values)).map(readDiscarded);
    },
    backlog: async () => readBacklog((await query(statements.backlog))[0] as BacklogRow),
  };
}

/** Adds a message within a transaction, in one statement where that has written something before. */
export type AddMessage = (transaction: PostgresTransaction, message: StoredMessage) => Promise<void>;

/**
 * @param options.notify whether the commit itself notifies relays.
 * @param onAdded is called with the number of the transaction.
 */
export function messageAdder(
  prefix: string,
  options: { notify: boolean; prepare: boolean },
  onAdded?: (transactionId: string) => void,
): AddMessage {
  const outbox = tableName(prefix, "outbox");
  const statement = (isKeyed: boolean): string => {
    // The position is drawn when the key is locked, and no other has the key before we have committed. So the order of
    // positions is that of the commits.
    const locked = isKeyed ? "pg_advisory_xact_lock(hashtextextended($6::text, 0)) AS locked, " : "";
    const notified = options.notify ? `, pg_notify('${outbox}', '') AS notified` : "";
    return `WITH ${clock} INSERT INTO ${outbox} (id, topic, ordering_key, headers, body, added_at, due_at)
      SELECT $1::text, $2::text, $3::text, $4::text, $5::bytea, clock.ms, clock.ms FROM ${locked}clock${notified}
      WHERE txid_current_if_assigned() IS NOT NULL RETURNING txid_current()::text AS transaction_id`;
  };
  const [keyed, keyless] = [statement(true), statement(false)];

  return async (transaction, { id, topic, orderingKey, headers, body }) => {
    const query = transactionQuery(transaction, options.prepare);
    const values = [id, topic, orderingKey ?? null, JSON.stringify(headers), Buffer.from(body)];
    const add = async (): Promise<boolean> => {
      const [row] = (await (orderingKey === undefined
        ? query(keyless, values)
        : query(keyed, [...values, JSON.stringify([outbox, orderingKey])]))) as { transaction_id: string }[];
      if (row !== undefined) onAdded?.(row.transaction_id);
      return row !== undefined;
    };
    if (await add()) return;
    // Only a transaction has a number before its statement writes. One that is open has it from here on; where each
    // statement is its own transaction, or the transaction has ended, the next has none again.
    await query("SELECT txid_current()");
    if (!(await add())) throw notOpenError();
  };
}

type ClaimedRow = MessageRow & { readonly last_key: string; readonly position: string | null };

/** Claims messages with and without a key in one trip. */
function messageClaimer(
  write: PostgresWrite,
  statements: ReturnType<typeof outboxStatements>,
): OutboxStore<never>["claim"] {
  const keyRound = claimRound();
  const keylessRound = claimRound(keylessAnewEvery);
  return async ({ owner, leaseMs, limit, messagesPerKey }) => {
    const [keyless, found] = (await write(
      withLiterals(statements.claimKeyless, [owner, leaseMs, limit, Number(keylessRound.last)]),
      withLiterals(statements.claimKeys, [owner, leaseMs, limit, keyRound.last, messagesPerKey]),
    )) as [MessageRow[], ClaimedRow[]];
    const keyed = found.filter(({ position }) => position !== null);
    keyless.sort((one, other) => Number(one.position) - Number(other.position));
    const lastPosition = keyless.length < limit ? "" : String(keyless.at(-1)!.position);
    const hasMoreKeys = keyRound.goOn(found[0]?.last_key ?? "", keyed.length > 0);
    const hasMoreKeyless = keylessRound.goOn(lastPosition, keyless.length > 0);
    return { batches: claimedBatches([...keyless, ...keyed]), hasMore: hasMoreKeys || hasMoreKeyless };
  };
}

/** Runs statements that write, in one trip and one transaction, and returns the rows of each that has any. */
type PostgresWrite = (...statements: readonly string[]) => Promise<readonly unknown[]>;

/**
 * READ COMMITTED, whatever the database's default is: above it, two relays that claim at once end each other's statements with
 * 40001. Several statements in one message are a transaction, of which nothing is left open where one fails.
 */
const readCommitted =
  (query: PostgresQuery): PostgresWrite =>
  (...statements) =>
    query(["SET TRANSACTION ISOLATION LEVEL READ COMMITTED", ...statements].join(";"));
