import type { ClaimMessagesRequest, OutboxStore } from "../outbox-store.ts";
import { claimRound } from "../sql/claim-round.ts";
import { claimedBatches, type MessageRow, postponedText } from "../sql/outbox-rows.ts";
import { keylessAnewEvery, looksPerKey } from "../sql/outbox-statements.ts";
import type { MysqlQuery } from "./client.ts";
import type { OutboxStatements } from "./outbox-statements.ts";

interface Oldest {
  readonly ordering_key: string;
  readonly position: number | string;
  /** The position of the newest message of the key. */
  readonly newest: number | string;
  readonly is_free: number | string;
}

/** What a claim may take: positions of messages without a key, and the oldest message of each key. */
interface Found {
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
  statements: Pick<OutboxStatements, "look" | "take" | "postpone">,
): OutboxStore<never>["claim"] {
  const keyRound = claimRound();
  const keylessRound = claimRound(keylessAnewEvery);

  const look = async (limit: number): Promise<Found> => {
    const looks = looksPerKey * limit;
    const values = [Number(keylessRound.last), limit, Buffer.from(keyRound.last), looks];
    const [free, oldest] = (await query(statements.look, values)) as [Pick<MessageRow, "position">[], Oldest[]];
    const keys = oldest.filter((row) => Number(row.is_free) === 1).slice(0, limit);
    const last = keys.length === limit ? keys.at(-1) : oldest.length === looks ? oldest.at(-1) : undefined;
    return { keyless: free.map(({ position }) => Number(position)), keys, lastKey: last?.ordering_key ?? "" };
  };
  const take = async (
    { keyless, keys }: Found,
    { owner, leaseMs, messagesPerKey }: Omit<ClaimMessagesRequest, "limit">,
  ): Promise<MessageRow[]> => {
    if (keyless.length + keys.length === 0) return [];
    const by = Buffer.from(owner);
    const positions = [...keyless, ...keys.map(({ position }) => Number(position))];
    const ofKeys = keys.flatMap(({ ordering_key: key, position, newest }) => [
      ...[Buffer.from(key), Number(newest), Number(position)],
      ...[by, messagesPerKey],
    ]);
    const ofNone = keyless.length > 0 ? [...keyless, by] : [];
    const statement = statements.take(keyless.length, keys.length);
    const answers = (await query(statement, [by, leaseMs, ...positions, ...ofKeys, ...ofNone])) as unknown[];
    const rows = answers.find((answer) => Array.isArray(answer)) as MessageRow[];
    return rows.sort((one, other) => Number(one.position) - Number(other.position));
  };
  /** Leaves out keys of which an older message has come to light, and gives their lease back. */
  const unlessOvertaken = async ({ keys }: Found, rows: MessageRow[], owner: string): Promise<MessageRow[]> => {
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
    const found = await look(limit);
    const rows = await unlessOvertaken(found, await take(found, request), request.owner);
    const lastPosition = found.keyless.length < limit ? "" : String(found.keyless.at(-1));
    const hasMoreKeys = keyRound.goOn(found.lastKey, found.keys.length > 0);
    const hasMoreKeyless = keylessRound.goOn(lastPosition, found.keyless.length > 0);
    const keyless = rows.filter((row) => row.ordering_key === null);
    const keyed = rows.filter((row) => row.ordering_key !== null);
    return { batches: claimedBatches([...keyless, ...keyed]), hasMore: hasMoreKeys || hasMoreKeyless };
  };
}
