import type { Clock } from "../../../packages/once-again/src/core/clock.ts";
import { systemClock } from "../../../packages/once-again/src/core/system-clock.ts";
import { bodyBytesMaxByDefault, storedMessage } from "../../../packages/once-again/src/stores/outbox-message.ts";
import type {
  ClaimedBatch,
  ClaimedMessage,
  DiscardedMessage,
  OutboxStore,
  UnconfirmedPlace,
  WholeUnconfirmedMessage,
} from "../../../packages/once-again/src/stores/outbox-store.ts";
import type { OutboxFixture } from "../../../packages/testing/src/outbox-contract/outbox-case.ts";

/** A transaction of the outbox in memory: what it adds, and the keys that it holds. */
export interface MemoryTransaction {
  readonly number: number;
  readonly added: Row[];
  readonly keys: Set<string>;
  readonly unlock: (() => void)[];
}

interface Row {
  readonly position: number;
  readonly message: Omit<ClaimedMessage, "position" | "refusals">;
  key: string | undefined;
  place: string | undefined;
  /** In which line of its place it waits, where it has no key. */
  line: ClaimedBatch["line"];
  owner: string | undefined;
  dueAt: number;
  refusals: number;
  refusal: string;
  triedAt: number | undefined;
  parkedAt: number | undefined;
}

/** The flaws that an outbox can have: each breaks one promise of the port. */
export type OutboxFlaw =
  | "a cursor skips what commits late"
  | "a message is there before its commit"
  | "a rolled back message stays"
  | "adders of a key don't wait for each other"
  | "the order of first writes is taken for that of commits"
  | "removing waits for those who add"
  | "what is added is announced before its commit"
  | "a claim removes what it gives"
  | "a lease is no lease"
  | "a dead relay's lease is never taken over"
  | "rows are leased, not keys"
  | "a delay is forgotten"
  | "a refusal that is repeated counts again"
  | "a late owner changes what is another's"
  | "a late owner changes what was given back"
  | "a parked message is passed in silence"
  | "the oldest message comes first at each claim"
  | "a round of claims goes on as long as new messages come"
  | "a message that waits for its place is in no line"
  | "a message stays in the line of its place"
  | "what was tried is listed when it is parked"
  | "the place of a message is forgotten"
  | "a place has the answer to its oldest message"
  | "a message that is tried again is as one that never was"
  | "a discarded message leaves no trace"
  | "a trace is never removed"
  | "the lease of a line lies on its oldest message";

/** The port in memory, as a model to hold others against, and with one flaw to hold the contract against. */
export function memoryOutbox(
  options: { readonly clock?: Clock; readonly flaw?: OutboxFlaw } = {},
): OutboxFixture<MemoryTransaction> & { readonly rows: readonly Row[] } {
  const { clock = systemClock, flaw } = options;
  const rows: Row[] = [];
  const discarded: (DiscardedMessage & { expiresAt: number })[] = [];
  const locks = new Map<string, Promise<void>>();
  const listeners = new Set<() => void>();
  /** The transactions that are open, each until its end. */
  const open = new Set<Promise<void>>();
  let [transactions, lastPosition, cursor, lastKey] = [0, 0, 0, ""];
  /** Where claims are among the messages without a key. */
  let [lastKeyless, claims] = [0, 0];

  const lock = async (key: string, transaction: MemoryTransaction): Promise<void> => {
    if (transaction.keys.has(key)) return;
    transaction.keys.add(key);
    const before = locks.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    locks.set(key, promise);
    transaction.unlock.push(resolve);
    await before;
  };
  /** The line that a message is in: that of its key, or of the place for which it waits. */
  const lineOf = ({ key, place, line }: Row): string | undefined =>
    key ?? (line && `${line === "failed" ? "\u0002" : "\u0001"}${place}`);
  const byPosition = (): Row[] => rows.sort((one, other) => one.position - other.position);
  const isFree = (row: Row): boolean =>
    row.parkedAt === undefined && (row.dueAt <= clock.now() || flaw === "a lease is no lease");
  const claimRow = (row: Row, owner: string, leaseMs: number): void => {
    row.owner = owner;
    row.dueAt = flaw === "a dead relay's lease is never taken over" ? Infinity : clock.now() + leaseMs;
  };
  const claimedOf = ({ message, position, refusals }: Row): ClaimedMessage => ({
    ...message,
    position: String(position),
    refusals,
  });
  const removeAt = (isGone: (row: Row) => boolean): boolean => {
    const index = rows.findIndex(isGone);
    if (index >= 0) rows.splice(index, 1);
    return index >= 0;
  };

  /** Whether a relay holds a message: by its own lease, or by that of the oldest of its key. */
  const isHeld = (row: Row, owner: string): boolean => {
    if (row.owner !== undefined) return row.owner === owner || flaw === "a late owner changes what is another's";
    if (flaw === "a late owner changes what was given back") return true;
    const line = lineOf(row);
    const oldest = byPosition().find((other) => line !== undefined && lineOf(other) === line);
    return row.parkedAt === undefined && oldest?.owner === owner;
  };

  const announce = (): void => {
    for (const hear of listeners) hear();
  };

  const isWaiting = ({ triedAt, parkedAt }: Row): boolean =>
    triedAt !== undefined && parkedAt === undefined && flaw !== "what was tried is listed when it is parked";
  const unconfirmed = (): WholeUnconfirmedMessage[] =>
    byPosition()
      .filter((row) => row.parkedAt !== undefined || isWaiting(row))
      .map(({ message, position, key, triedAt, ...row }) => {
        const { place, dueAt, refusals, refusal, parkedAt } = row;
        const [bodyBytes, blocks] = [message.body.byteLength, key !== undefined];
        const said = { refusals, refusal, triedAt: triedAt ?? parkedAt ?? 0, place, dueAt, parkedAt, blocks };
        return { ...message, position: String(position), bodyBytes, ...said };
      });

  const outbox: OutboxStore<MemoryTransaction> = {
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMaxByDefault);
      const { orderingKey } = stored;
      if (orderingKey !== undefined && flaw !== "adders of a key don't wait for each other") {
        await lock(orderingKey, transaction);
      }
      lastPosition += 1;
      const row: Row = {
        position:
          flaw === "the order of first writes is taken for that of commits"
            ? 1000 * transaction.number + transaction.added.length
            : lastPosition,
        message: { ...stored, addedAt: clock.now() },
        key: orderingKey,
        place: undefined,
        line: undefined,
        owner: undefined,
        dueAt: 0,
        refusals: 0,
        refusal: "",
        triedAt: undefined,
        parkedAt: undefined,
      };
      if (flaw === "a message is there before its commit" || flaw === "a rolled back message stays") rows.push(row);
      else transaction.added.push(row);
      if (flaw === "what is added is announced before its commit") announce();
      return stored.id;
    },
    async claim({ owner, leaseMs, limit, messagesPerKey }) {
      const visible = byPosition().filter(
        ({ position }) => flaw !== "a cursor skips what commits late" || position > cursor,
      );
      const free = visible.filter((row) => lineOf(row) === undefined && isFree(row));
      claims += 1;
      const isAnew = claims % 32 === 0 && flaw !== "a round of claims goes on as long as new messages come";
      const isFirst = isAnew || flaw === "the oldest message comes first at each claim";
      const later = isFirst ? [] : free.filter(({ position }) => position > lastKeyless);
      const keyless = [...later, ...free.filter((row) => !later.includes(row))].slice(0, limit);
      if (!isFirst) lastKeyless = keyless.at(-1)?.position ?? 0;
      const batches: ClaimedBatch[] = [];
      let keyed = 0;
      for (const row of keyless) claimRow(row, owner, leaseMs);
      if (keyless.length > 0) batches.push({ orderingKey: undefined, messages: keyless.map(claimedOf) });
      const lines = Map.groupBy(visible, lineOf);
      const keys = [...lines.keys()].filter((key) => key !== undefined).sort();
      // Round and round, so that every key gets its turn.
      const next = keys.findIndex((key) => key > lastKey);
      for (const key of next > 0 ? [...keys.slice(next), ...keys.slice(0, next)] : keys) {
        if (keyed === limit) break;
        const ofKey = lines.get(key)!;
        const first = ofKey.find((row) => flaw !== "rows are leased, not keys" || isFree(row));
        if (first === undefined || !isFree(first)) continue;
        keyed += 1;
        lastKey = key;
        const isOrdered = first.key !== undefined || flaw === "the lease of a line lies on its oldest message";
        // A message that comes into a line may be older than the one that holds it, so each has its own lease and delay.
        const follows = (row: Row): boolean => isOrdered || isFree(row);
        const taken = ofKey.slice(ofKey.indexOf(first)).filter(follows).slice(0, messagesPerKey);
        const isLeased = flaw === "rows are leased, not keys" || !isOrdered;
        for (const row of isLeased ? taken : [first]) claimRow(row, owner, leaseMs);
        batches.push({ orderingKey: first.key, line: first.line, messages: taken.map(claimedOf) });
      }
      const given = batches.flatMap(({ messages }) => messages.map(({ position }) => Number(position)));
      cursor = Math.max(cursor, ...given);
      if (flaw === "a claim removes what it gives")
        for (const gone of given) removeAt(({ position }) => position === gone);
      return { batches, hasMore: batches.length > 0 };
    },
    async confirm(positions) {
      if (flaw === "removing waits for those who add") await Promise.all(open);
      for (const gone of positions) removeAt(({ position }) => String(position) === gone);
    },
    async postpone(requests) {
      const found = requests.flatMap((request) => {
        const row = rows.find(({ position }) => String(position) === request.position);
        return row !== undefined && isHeld(row, request.owner) ? [{ row, request }] : [];
      });
      for (const { row, request } of found) {
        const { delayMs, place, line, refusal, refusals, park } = request;
        row.owner = undefined;
        row.dueAt = flaw === "a delay is forgotten" ? 0 : clock.now() + delayMs;
        if (refusal !== undefined) {
          row.refusals =
            flaw === "a refusal that is repeated counts again" ? row.refusals + 1 : (refusals ?? row.refusals + 1);
          row.refusal = refusal;
          row.triedAt = clock.now();
        }
        if (flaw !== "the place of a message is forgotten") row.place = place ?? row.place;
        row.parkedAt = park === undefined ? undefined : clock.now();
        if (flaw !== "a message that waits for its place is in no line" && row.key === undefined) {
          const isStuck = flaw === "a message stays in the line of its place" && row.line !== undefined;
          if (!isStuck) row.line = park === undefined ? line : undefined;
        }
        if (park === undefined) continue;
        if (park === "pass" || flaw === "a parked message is passed in silence") row.key = undefined;
      }
    },
    async listen(onAdded) {
      listeners.add(onAdded);
      return async () => void listeners.delete(onAdded);
    },
    async listUnconfirmed({ after, limit, state } = {}) {
      return unconfirmed()
        .map(({ body: _body, ...message }) => message)
        .filter(({ position }) => Number(position) > Number(after ?? 0))
        .filter(({ parkedAt }) => state === undefined || (parkedAt === undefined) === (state === "waiting"))
        .slice(0, limit);
    },
    showUnconfirmed: async (id) => unconfirmed().filter((message) => message.id === id),
    async listPlaces() {
      const byPlace = Map.groupBy(byPosition().filter(isWaiting), ({ place }) => place);
      const places = [...byPlace].map(([place, tried]): UnconfirmedPlace => {
        const answered = flaw === "a place has the answer to its oldest message" ? tried[0]! : tried.at(-1)!;
        const untried = rows.filter((row) => row.line === "untried" && row.place === place && !isWaiting(row)).length;
        const triedAt = Math.max(...tried.map((row) => row.triedAt!));
        const oldestAt = Math.min(...tried.map(({ message }) => message.addedAt));
        return { place, tried: tried.length, untried, oldestAt, triedAt, refusal: answered.refusal };
      });
      return places.sort((one, other) => other.tried - one.tried);
    },
    async retryParked(id) {
      const row = rows.find(({ message, parkedAt }) => message.id === id && parkedAt !== undefined);
      if (row !== undefined) Object.assign(row, { parkedAt: undefined, refusals: 0, dueAt: 0 });
      if (row !== undefined && flaw === "a message that is tried again is as one that never was")
        row.triedAt = undefined;
      return row !== undefined;
    },
    async discardParked(id, { note = new Uint8Array(), retentionMs = 2_592_000_000 } = {}) {
      const row = rows.find(({ message, parkedAt }) => message.id === id && parkedAt !== undefined);
      if (row !== undefined && flaw !== "a discarded message leaves no trace") {
        const { place, refusals, refusal, parkedAt } = row;
        const { id, topic, orderingKey, addedAt } = row.message;
        const said = { id, topic, orderingKey, addedAt, place, refusals, refusal, parkedAt: parkedAt! };
        const expiresAt = flaw === "a trace is never removed" ? Infinity : clock.now() + retentionMs;
        discarded.unshift({ ...said, position: String(row.position), discardedAt: clock.now(), note, expiresAt });
      }
      return removeAt((other) => other === row);
    },
    async listDiscarded({ id, limit = 100 } = {}) {
      return discarded
        .filter((message) => message.expiresAt > clock.now() && (id === undefined || message.id === id))
        .map(({ expiresAt: _expiresAt, ...message }) => message)
        .slice(0, limit);
    },
    async backlog() {
      const oldest = byPosition().find(({ parkedAt }) => parkedAt === undefined);
      return {
        messages: rows.length,
        parked: rows.filter(({ parkedAt }) => parkedAt !== undefined).length,
        unconfirmed: rows.filter(isWaiting).length,
        places: new Set(rows.filter(isWaiting).map(({ place }) => place)).size,
        oldestMs: oldest && clock.now() - oldest.message.addedAt,
      };
    },
  };
  return {
    outbox,
    rows,
    async begin() {
      const transaction: MemoryTransaction = { number: (transactions += 1), added: [], keys: new Set(), unlock: [] };
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      open.add(ended);
      const end = async (isCommit: boolean): Promise<void> => {
        if (isCommit) rows.push(...transaction.added);
        for (const unlock of transaction.unlock) unlock();
        open.delete(ended);
        resolve();
        if (isCommit && flaw !== "what is added is announced before its commit") announce();
      };
      return { transaction, commit: () => end(true), rollback: () => end(flaw === "a rolled back message stays") };
    },
    close: async () => undefined,
  };
}
