import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { checkNoClient } from "../../core/duck-typing.ts";
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
import {
  checkTransaction,
  commitAtOnce,
  sqliteConnection,
  type SqliteConnection,
  type SqliteOptions,
} from "./connection.ts";
import {
  addStatement,
  outboxQueries,
  type OutboxQueries,
  outboxSchema,
  upgradeOutbox,
  waitingIndex,
} from "./outbox-statements.ts";

/** Where an outbox in SQLite has its messages, and how long it waits: your own file, so that message and effect commit together. */
export interface SqliteOutboxOptions extends SqliteOptions, OutboxBounds {}

/** An outbox in a SQLite file. */
export interface SqliteOutbox extends OutboxStore<DatabaseSync> {
  /** The statements that make its table, which opening the outbox has run. */
  readonly schemaSql: string;
  /** Closes its connection. Close the relays on it first. */
  close(): Promise<void>;
}

/**
 * An outbox in a SQLite file (WAL, `synchronous=FULL`), which any number of processes of one machine share. It opens its
 * own connection, for relays. `add` takes yours: what a handler is given, or a `DatabaseSync` of the same file on which
 * you have run BEGIN IMMEDIATE. The message is written before `add` returns. A relay notices commits, of any process.
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
  checkNoClient("options", 'an object such as { path: "keys.db" }', options);
  checkNames("sqliteOutbox", options, {
    path: true,
    bodyBytesMax: true,
    busyMsMax: true,
    queueMax: true,
    clock: true,
  } satisfies OptionNames<SqliteOutboxOptions>);
  const { bodyBytesMax: _bytesMax, ...connecting } = options;
  const bodyBytesMax = checkBodyBytesMax(options);
  if (options.path === ":memory:") {
    throw invalidOptionError("path", "a database file, which your transactions share", options.path);
  }
  const connection = sqliteConnection(connecting, outboxSchema, outboxQueries, upgradeOutbox);
  const { database, prepared: queries, clock, busyMsMax, takeTurn, close } = connection;
  const write = <Value>(work: () => Value): Promise<Value> =>
    takeTurn(() => commitAtOnce(database, clock, busyMsMax, work));
  const now = (): number => Math.floor(clock.now());
  const addMessage = messageAdder(database, clock);

  return {
    schemaSql: `${outboxSchema}${waitingIndex}`,
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMax);
      addMessage(transaction, stored);
      return stored.id;
    },
    claim: messageClaimer(connection),
    confirm: (positions) => write(() => void queries.run("confirm", JSON.stringify(positions))),
    postpone: (requests) => write(() => void queries.run("postpone", now(), postponedText(requests))),
    listen: async (onAdded, onLost) => listenOn(database, clock, onAdded, onLost),
    async listUnconfirmed(request = {}) {
      const [after, limit] = [checkAfter(request), checkListLimit(request)];
      const names = { parked: "listParked", waiting: "listWaiting" } as const;
      const ofState = (state: UnconfirmedState) => queries.all<UnconfirmedRow>(names[state], after, limit);
      return (await takeTurn(() => listStates(request, limit, ofState))).map(readUnconfirmed);
    },
    async showUnconfirmed(id) {
      const names = { parked: "showParked", waiting: "showWaiting" } as const;
      const ofState = (state: UnconfirmedState) => queries.all<MessageRow>(names[state], id, showMax);
      return (await takeTurn(() => listStates({}, showMax, ofState))).map(readWholeUnconfirmed);
    },
    listPlaces: () => takeTurn(() => queries.all<PlaceRow>("listPlaces").map(readPlace)),
    retryParked: (id) => write(() => queries.run("retryParked", id) > 0),
    async discardParked(id, discarding) {
      const { note, retentionMs } = checkDiscarding(discarding);
      return write(() => {
        const at = now();
        queries.run("removeDiscarded", at);
        queries.run("storeDiscarded", at, note, at + retentionMs, id);
        return queries.run("discardParked", id) > 0;
      });
    },
    async listDiscarded(request = {}) {
      const [id, limit] = [request.id ?? null, checkListLimit(request)];
      return takeTurn(() => queries.all<DiscardedRow>("listDiscarded", now(), id, limit).map(readDiscarded));
    },
    backlog: () => takeTurn(() => readBacklog(queries.all<BacklogRow>("backlog", now())[0]!)),
    close,
  };
}

/** How often it is asked whether others have committed, milliseconds. It reads one number in shared memory. */
const askMs = 20;

/**
 * Detects commits to the file by other connections, of any process, whatever they wrote.
 *
 * @param onLost is called once when listening has failed.
 * @returns what ends it.
 */
function listenOn(
  database: DatabaseSync,
  clock: Clock,
  onCommit: () => void,
  onLost: (error: unknown) => void,
): () => Promise<void> {
  const statement = database.prepare("PRAGMA data_version");
  const version = (): unknown => statement.get()?.["data_version"];
  let last = version();
  let cancel = (): void => undefined;
  const ask = (): void => {
    try {
      const current = version();
      if (current !== last) onCommit();
      last = current;
    } catch (error) {
      return onLost(error);
    }
    cancel = clock.timer(askMs, ask);
  };
  cancel = clock.timer(askMs, ask);
  return async () => cancel();
}

/** Adds a message within a transaction of another connection to the same file, before it returns. */
export type AddMessage = (transaction: DatabaseSync, message: StoredMessage) => void;

export function messageAdder(database: DatabaseSync, clock: Clock): AddMessage {
  const location = database.location();
  // A writer has the file alone until its commit. So the order of positions is that of the commits.
  return (transaction, { id, topic, orderingKey, headers, body }) => {
    checkTransaction(transaction, location);
    const values = [id, topic, orderingKey ?? null, JSON.stringify(headers), body, Math.floor(clock.now())];
    transaction.prepare(addStatement).run(...values);
  };
}

export function messageClaimer({
  database,
  prepared: queries,
  clock,
  busyMsMax,
  takeTurn,
}: SqliteConnection<OutboxQueries>): OutboxStore<never>["claim"] {
  const keyRound = claimRound();
  const keylessRound = claimRound(keylessAnewEvery);
  const { look, take } = claimHalves(queries, clock);

  return ({ limit, ...request }) =>
    takeTurn(async () => {
      let claimable = look(limit, keylessRound.last, keyRound.last);
      let rows: MessageRow[] = [];
      // Who finds nothing leaves the lock to those who write.
      if (claimable.keyless.length > 0 || claimable.keys.length > 0) {
        await commitAtOnce(database, clock, busyMsMax, () => {
          claimable = look(limit, keylessRound.last, keyRound.last);
          rows = take(claimable, request);
        });
      }
      const lastPosition = claimable.keyless.length < limit ? "" : String(claimable.keyless.at(-1)!.position);
      const hasMoreKeys = keyRound.goOn(claimable.lastKey, claimable.keys.length > 0);
      const hasMoreKeyless = keylessRound.goOn(lastPosition, claimable.keyless.length > 0);
      return { batches: claimedBatches(rows), hasMore: hasMoreKeys || hasMoreKeyless };
    });
}

/** The messages that a claim may take: positions of messages without a key, and the oldest message of each key. */
interface Claimable {
  readonly keyless: readonly Position[];
  readonly keys: readonly OldestRow[];
  /** How far the keys were looked through; empty: to the last. */
  readonly lastKey: string;
}

type Position = Pick<MessageRow, "position">;

type OldestRow = Position & { ordering_key: string; parked_at: number | null; due_at: number };

/** The two halves of a claim: what is free, and its leases. */
export function claimHalves(queries: OutboxQueries, clock: Pick<Clock, "now">) {
  const look = (limit: number, afterPosition: string, afterKey: string): Claimable => {
    const now = Math.floor(clock.now());
    const keyless = queries.all<Position>("free", now, Number(afterPosition), limit);
    const keys: OldestRow[] = [];
    let lastKey = afterKey;
    for (let looks = 0; looks < looksPerKey * limit && keys.length < limit; looks += 1) {
      const [oldest] = queries.all<OldestRow>("nextKey", lastKey);
      lastKey = oldest?.ordering_key ?? "";
      if (oldest === undefined) break;
      if (oldest.parked_at === null && oldest.due_at <= now) keys.push(oldest);
    }
    return { keyless, keys, lastKey };
  };
  const take = (
    { keyless, keys }: Claimable,
    { owner, leaseMs, messagesPerKey }: Omit<ClaimMessagesRequest, "limit">,
  ): MessageRow[] => {
    const now = Math.floor(clock.now());
    const endsAt = now + leaseMs;
    const lease = ({ position }: Position) => queries.all<MessageRow>("lease", owner, endsAt, Number(position));
    const after = ({ ordering_key: key, position }: OldestRow) =>
      queries.all<MessageRow & { due_at: number }>("after", key, Number(position), messagesPerKey - 1);
    const behind = (oldest: OldestRow): MessageRow[] => {
      const rows = after(oldest);
      return isLineName(oldest.ordering_key) ? rows.filter((row) => row.due_at <= now).flatMap(lease) : rows;
    };
    return [...keyless.flatMap(lease), ...keys.flatMap((oldest) => [...lease(oldest), ...behind(oldest)])];
  };
  return { look, take };
}
