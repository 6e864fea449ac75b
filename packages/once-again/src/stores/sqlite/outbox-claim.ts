import type { Clock } from "../../core/clock.ts";
import { claimRound } from "../sql/claim-round.ts";
import { claimedBatches, type MessageRow } from "../sql/outbox-rows.ts";
import { keylessAnewEvery, looksPerKey } from "../sql/outbox-statements.ts";
import type { ClaimMessagesRequest, OutboxStore } from "../outbox-store.ts";
import type { SqliteConnection } from "./connection.ts";
import type { OutboxQueries } from "./outbox-statements.ts";
import { commitAtOnce } from "./transactions.ts";

/** What a claim may take: positions of messages without a key, and the oldest message of each key. */
interface Found {
  readonly keyless: readonly Position[];
  readonly keys: readonly OldestRow[];
  /** How far the keys were looked through; empty: to the last. */
  readonly lastKey: string;
}

type Position = Pick<MessageRow, "position">;
type OldestRow = Position & { ordering_key: string; parked_at: number | null; due_at: number };

/** The two halves of a claim: what is free, and its leases. */
export function claimHalves(queries: OutboxQueries, clock: Pick<Clock, "now">) {
  const look = (limit: number, afterPosition: string, afterKey: string): Found => {
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
    { keyless, keys }: Found,
    { owner, leaseMs, messagesPerKey }: Omit<ClaimMessagesRequest, "limit">,
  ): MessageRow[] => {
    const endsAt = Math.floor(clock.now()) + leaseMs;
    const lease = ({ position }: Position) => queries.all<MessageRow>("lease", owner, endsAt, Number(position));
    const after = ({ ordering_key: key, position }: OldestRow) =>
      queries.all<MessageRow>("after", key, Number(position), messagesPerKey - 1);
    return [...keyless.flatMap(lease), ...keys.flatMap((oldest) => [...lease(oldest), ...after(oldest)])];
  };
  return { look, take };
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
      let found = look(limit, keylessRound.last, keyRound.last);
      let rows: MessageRow[] = [];
      // Who finds nothing leaves the lock to those who write.
      if (found.keyless.length > 0 || found.keys.length > 0) {
        await commitAtOnce(database, clock, busyMsMax, () => {
          found = look(limit, keylessRound.last, keyRound.last);
          rows = take(found, request);
        });
      }
      const lastPosition = found.keyless.length < limit ? "" : String(found.keyless.at(-1)!.position);
      const hasMoreKeys = keyRound.goOn(found.lastKey, found.keys.length > 0);
      const hasMoreKeyless = keylessRound.goOn(lastPosition, found.keyless.length > 0);
      return { batches: claimedBatches(rows), hasMore: hasMoreKeys || hasMoreKeyless };
    });
}
