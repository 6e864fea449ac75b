import type { Clock } from "../../../packages/once-again/src/core/clock.ts";
import { systemClock } from "../../../packages/once-again/src/core/system-clock.ts";
import { bodyBytesMaxByDefault, storedMessage } from "../../../packages/once-again/src/stores/outbox-message.ts";
import type {
  ClaimedBatch,
  ClaimedMessage,
  OutboxStore,
  WholeParkedMessage,
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
  owner: string | undefined;
  dueAt: number;
  refusals: number;
  refusal: string;
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
  | "a round of claims goes on as long as new messages come";

/** The port in memory, as a model to hold others against, and with one flaw to hold the contract against. */
export function memoryOutbox(
  options: { readonly clock?: Clock; readonly flaw?: OutboxFlaw } = {},
): OutboxFixture<MemoryTransaction> & { readonly rows: readonly Row[] } {
  const { clock = systemClock, flaw } = options;
  const rows: Row[] = [];
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
    const oldest = byPosition().find(({ key }) => key !== undefined && key === row.key);
    return row.parkedAt === undefined && oldest?.owner === owner;
  };

  const announce = (): void => {
    for (const hear of listeners) hear();
  };

  const parkedMessages = (): WholeParkedMessage[] =>
    byPosition().flatMap(({ message, position, key, refusals, refusal, parkedAt }) => {
      if (parkedAt === undefined) return [];
      const bodyBytes = message.body.byteLength;
      return [
        { ...message, position: String(position), bodyBytes, refusals, refusal, parkedAt, blocks: key !== undefined },
      ];
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
        owner: undefined,
        dueAt: 0,
        refusals: 0,
        refusal: "",
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
      const free = visible.filter((row) => row.key === undefined && isFree(row));
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
      const keys = [...new Set(visible.map(({ key }) => key).filter((key) => key !== undefined))].sort();
      // Round and round, so that every key gets its turn.
      const next = keys.findIndex((key) => key > lastKey);
      for (const key of next > 0 ? [...keys.slice(next), ...keys.slice(0, next)] : keys) {
        const ofKey = visible.filter((row) => row.key === key);
        const first = ofKey.find((row) => flaw !== "rows are leased, not keys" || isFree(row));
        if (first === undefined || !isFree(first) || keyed === limit) continue;
        keyed += 1;
        lastKey = key;
        const taken = ofKey.slice(ofKey.indexOf(first)).slice(0, messagesPerKey);
        for (const row of flaw === "rows are leased, not keys" ? taken : [first]) claimRow(row, owner, leaseMs);
        batches.push({ orderingKey: key, messages: taken.map(claimedOf) });
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
        const { delayMs, refusal, refusals, park } = request;
        row.owner = undefined;
        row.dueAt = flaw === "a delay is forgotten" ? 0 : clock.now() + delayMs;
        if (refusal !== undefined) {
          row.refusals =
            flaw === "a refusal that is repeated counts again" ? row.refusals + 1 : (refusals ?? row.refusals + 1);
          row.refusal = refusal;
        }
        row.parkedAt = park === undefined ? undefined : clock.now();
        if (park === undefined) continue;
        if (park === "pass" || flaw === "a parked message is passed in silence") row.key = undefined;
      }
    },
    async listen(onAdded) {
      listeners.add(onAdded);
      return async () => void listeners.delete(onAdded);
    },
    async listParked({ after, limit } = {}) {
      const listed = parkedMessages().map(({ body: _body, ...message }) => message);
      return listed.filter(({ position }) => Number(position) > Number(after ?? 0)).slice(0, limit);
    },
    showParked: async (id) => parkedMessages().filter((message) => message.id === id),
    async retryParked(id) {
      const row = rows.find(({ message, parkedAt }) => message.id === id && parkedAt !== undefined);
      if (row !== undefined) Object.assign(row, { parkedAt: undefined, refusals: 0, dueAt: 0 });
      return row !== undefined;
    },
    discardParked: async (id) => removeAt(({ message, parkedAt }) => message.id === id && parkedAt !== undefined),
    async backlog() {
      const oldest = byPosition().find(({ parkedAt }) => parkedAt === undefined);
      return {
        messages: rows.length,
        parked: rows.filter(({ parkedAt }) => parkedAt !== undefined).length,
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
