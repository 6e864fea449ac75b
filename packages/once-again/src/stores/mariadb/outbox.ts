import { hasMethod } from "../../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { invalidOptionError } from "../../core/options.ts";
import { checkAfter, checkListLimit } from "../list-records.ts";
import { checkBodyBytesMax, type OutboxBounds, storedMessage, type StoredMessage } from "../outbox-message.ts";
import type { ClaimMessagesRequest, OutboxStore, UnconfirmedState } from "../outbox-store.ts";
import {
  readBacklog,
  type BacklogRow,
  checkDiscarding,
  claimedBatches,
  claimRound,
  type DiscardedRow,
  isLineName,
  keylessAnewEvery,
  listStates,
  looksPerKey,
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
import { notMigratedError, tableName } from "../sql/names.ts";
import { checkSqlOptions, type MigratedTables, type SqlOptions, sqlOptionNames } from "../sql/options.ts";
import { checkPool, type MysqlConnection, type MysqlPool, type MysqlQuery, mysqlQuery } from "./client.ts";
import { errorNumber, noSuchTable } from "./errors.ts";
import { outboxSchema, outboxStatements, type OutboxStatements } from "./outbox-statements.ts";
import { sessionOpener, sessionQuery } from "./session.ts";

/** Where an outbox in MariaDB has its messages, and how long it waits. */
export interface MariadbOutboxOptions extends SqlOptions, OutboxBounds {}

/** An outbox in MariaDB. */
export interface MariadbOutbox extends OutboxStore<MariadbOutboxTransaction>, MigratedTables {}

/** The transaction that a message can be added to: a connection of `mysql2/promise` with an open transaction, or what `from…` makes of another. */
export type MariadbOutboxTransaction = Pick<MysqlConnection, "query">;

/**
 * An outbox in MariaDB 10.6 or newer (InnoDB), through your own pool of `mysql2/promise`. `add` takes a connection with your open
 * transaction: what a handler is given, or one after `beginTransaction()`; `fromKysely` and `fromKnex` make one of theirs. An `add` with an ordering key locks one of 16,384 rows
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
    ...sqlOptionNames,
    bodyBytesMax: true,
  } satisfies OptionNames<MariadbOutboxOptions>);
  const { tablePrefix, busyMsMax, clock } = checkSqlOptions(options);
  const bodyBytesMax = checkBodyBytesMax(options);
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
    async listUnconfirmed(request = {}) {
      const [after, limit] = [Number(checkAfter(request)), checkListLimit(request)];
      const ofState = async (state: UnconfirmedState) =>
        (await query(statements.list[state], [after, limit])) as UnconfirmedRow[];
      return (await listStates(request, limit, ofState)).map(readUnconfirmed);
    },
    async showUnconfirmed(id) {
      const ofState = async (state: UnconfirmedState) =>
        (await query(statements.show[state], [Buffer.from(id), showMax])) as MessageRow[];
      return (await listStates({}, showMax, ofState)).map(readWholeUnconfirmed);
    },
    listPlaces: async () => ((await query(statements.listPlaces)) as PlaceRow[]).map(readPlace),
    retryParked: (id) => changes(statements.retryParked, id),
    async discardParked(id, discarding) {
      const { note, retentionMs } = checkDiscarding(discarding);
      const named = Buffer.from(id);
      const answers = await query(statements.discardParked, [Buffer.from(note), retentionMs, named, named]);
      const [counted] = (answers as unknown[]).filter((answer) => Array.isArray(answer)) as [
        [{ gone: number | string }],
      ];
      return Number(counted[0].gone) > 0;
    },
    async listDiscarded(request = {}) {
      const id = request.id === undefined ? null : Buffer.from(request.id);
      return ((await query(statements.listDiscarded, [id, id, checkListLimit(request)])) as DiscardedRow[]).map(
        readDiscarded,
      );
    },
    backlog: async () => readBacklog(((await query(statements.backlog)) as [BacklogRow])[0]),
  };
}

/** Adds a message within a transaction. */
export type AddMessage = (transaction: MariadbOutboxTransaction, message: StoredMessage) => Promise<void>;

export function messageAdder({ lock, add }: Pick<OutboxStatements, "lock" | "add">): AddMessage {
  return async (transaction, { id, topic, orderingKey, headers, body }) => {
    checkTransaction(transaction);
    const run: MysqlQuery = (statement, values) =>
      mysqlQuery(transaction)(statement, values).catch((error: unknown) => {
        throw errorNumber(error) === noSuchTable ? notMigratedError("MariaDB", error) : error;
      });
    const key = orderingKey === undefined ? null : Buffer.from(orderingKey);
    // The position is drawn when the key's row is locked, and no other has it before we have committed. So the order of
    // positions is that of the commits.
    if (key !== null) {
      const lockRows = (await run(lock, [key])) as unknown[];
      if (lockRows.length === 0) throw notMigratedError("MariaDB", undefined);
    }
    const texts = [Buffer.from(id), Buffer.from(topic), key, Buffer.from(JSON.stringify(headers))];
    const { affectedRows } = (await run(add, [...texts, Buffer.from(body)])) as { affectedRows: number };
    if (affectedRows !== 1) {
      refuse("one on which no transaction is open: none was begun, or the server has rolled it back after a deadlock");
    }
  };
}

const makers = { raw: "fromKnex", executeQuery: "fromKysely" } as const;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what can be no transaction. */
function checkTransaction(transaction: unknown): void {
  if (hasMethod(transaction, "getConnection")) refuse("a pool, which runs each statement on any connection");
  if (hasMethod(transaction, "promise")) refuse("one with callbacks: give connection.promise()");
  for (const [method, maker] of Object.entries(makers)) {
    if (hasMethod(transaction, method)) refuse(`one of another library: give it as ${maker}(transaction)`);
  }
  if (!hasMethod(transaction, "query")) refuse(transaction === null ? "null" : typeof transaction);
}

function refuse(is: string): never {
  throw invalidOptionError("transaction", "a connection of mysql2/promise with an open transaction", is);
}

interface Oldest {
  readonly ordering_key: string;
  readonly position: number | string;
  /** The position of the newest message of the key. */
  readonly newest: number | string;
  readonly is_free: number | string;
}

/** The messages that a claim may take: positions of messages without a key, and the oldest message of each key. */
interface Claimable {
  readonly keyless: readonly number[];
  readonly keys: readonly Oldest[];
  /** How far the keys were looked through; empty: to the last. */
  readonly lastKey: string;
}

/**
 * Claims messages.
 *
 * MariaDB takes a snapshot while transactions commit, so it may show a commit and miss one before it. What one look has shown
 * is the end of what the next reads: by then all before it are there.
 */
export function messageClaimer(
  query: MysqlQuery,
  statements: Pick<OutboxStatements, "look" | "behind" | "take" | "postpone">,
): OutboxStore<never>["claim"] {
  const keyRound = claimRound();
  const keylessRound = claimRound(keylessAnewEvery);

  const look = async (limit: number): Promise<Claimable> => {
    const looks = looksPerKey * limit;
    const values = [Number(keylessRound.last), limit, Buffer.from(keyRound.last), looks];
    const [free, oldest] = (await query(statements.look, values)) as [Pick<MessageRow, "position">[], Oldest[]];
    const keys = oldest.filter((row) => Number(row.is_free) === 1).slice(0, limit);
    const last = keys.length === limit ? keys.at(-1) : oldest.length === looks ? oldest.at(-1) : undefined;
    return { keyless: free.map(({ position }) => Number(position)), keys, lastKey: last?.ordering_key ?? "" };
  };
  const behindOf = async (lines: readonly Oldest[], limit: number): Promise<number[]> => {
    if (lines.length === 0 || limit === 0) return [];
    const values = lines.flatMap(({ ordering_key: key, position }) => [Buffer.from(key), Number(position), limit]);
    const rows = (await query(statements.behind(lines.length), values)) as Pick<MessageRow, "position">[];
    return rows.map(({ position }) => Number(position));
  };
  const take = async (
    { keyless, keys }: Claimable,
    { owner, leaseMs, messagesPerKey }: Omit<ClaimMessagesRequest, "limit">,
  ): Promise<MessageRow[]> => {
    if (keyless.length + keys.length === 0) return [];
    const by = Buffer.from(owner);
    const lines = keys.filter(({ ordering_key: key }) => isLineName(key));
    const ordered = keys.filter(({ ordering_key: key }) => !isLineName(key));
    const behind = await behindOf(lines, messagesPerKey - 1);
    const own = [...keyless, ...lines.map(({ position }) => Number(position)), ...behind];
    const all = [...own, ...ordered.map(({ position }) => Number(position))];
    const ofKeys = ordered.flatMap(({ ordering_key: key, position, newest }) => [
      ...[Buffer.from(key), Number(newest), Number(position)],
      ...[by, messagesPerKey],
    ]);
    const counts = { all: all.length, keys: ordered.length, own: own.length };
    const values = [by, leaseMs, ...all, ...ofKeys, ...(own.length > 0 ? [...own, by] : [])];
    const answers = (await query(statements.take(counts), values)) as unknown[];
    const rows = answers.find((answer) => Array.isArray(answer)) as MessageRow[];
    return rows.sort((one, other) => Number(one.position) - Number(other.position));
  };
  /** Leaves out keys of which an older message has come to light, and gives their lease back. */
  const unlessOvertaken = async ({ keys }: Claimable, rows: MessageRow[], owner: string): Promise<MessageRow[]> => {
    const first = new Map(rows.toReversed().map((row) => [row.ordering_key, Number(row.position)]));
    const overtaken = keys.filter(({ ordering_key: key, position }) => {
      const oldest = first.get(key);
      return oldest !== undefined && oldest < Number(position);
    });
    if (overtaken.length === 0) return rows;
    const ends = overtaken.map(({ position }) => ({ position: String(position), owner, delayMs: 0 }));
    await query(statements.postpone, [Buffer.from(postponedText(ends))]);
    const names = new Set<string | null>(overtaken.map(({ ordering_key: key }) => key));
    return rows.filter((row) => !names.has(row.ordering_key));
  };
  return async ({ limit, ...request }) => {
    const claimable = await look(limit);
    const rows = await unlessOvertaken(claimable, await take(claimable, request), request.owner);
    const lastPosition = claimable.keyless.length < limit ? "" : String(claimable.keyless.at(-1));
    const hasMoreKeys = keyRound.goOn(claimable.lastKey, claimable.keys.length > 0);
    const hasMoreKeyless = keylessRound.goOn(lastPosition, claimable.keyless.length > 0);
    const keyless = rows.filter((row) => row.ordering_key === null);
    const keyed = rows.filter((row) => row.ordering_key !== null);
    return { batches: claimedBatches([...keyless, ...keyed]), hasMore: hasMoreKeys || hasMoreKeyless };
  };
}
