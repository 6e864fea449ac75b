import type { Clock } from "../../core/clock.ts";
import { putLast } from "../../core/put-last.ts";
import type { PostgresQuery } from "./client.ts";
import { commitLazily } from "./statements.ts";

/** Has relays woken when a transaction commits that has added a message. */
export type NotifyAfterCommit = (transactionId: string) => void;

/** How long a transaction has to commit before the first question, milliseconds. */
const firstMs = 1;
/** How long each answer is followed by no question, milliseconds. What commits meanwhile shares a notification. */
const restMs = 2;
/** How long a question waits for transactions that stay open: this share of the youngest's age, and at most so long. */
const waitPerAge = 1 / 8;
const waitMsMax = 250;
/** How long a transaction is asked about after its last message, milliseconds. */
const ageMsMax = 10_000;
/** How many transactions are asked about at a time. */
const transactionsMax = 1000;

/**
 * Notifies relays from a connection of the pool after the commits of this process, so that no commit waits for the lock that
 * NOTIFY takes until its flush to the disk. The transactions are the caller's, so the server is asked which of them have
 * committed. A notification is a hint: after a failure or beyond the bounds above, relays find the message when they look again.
 */
export function notifyAfterCommit(channel: string, query: PostgresQuery, clock: Clock): NotifyAfterCommit {
  const statement = question(channel);
  /** When each transaction that may be open last added a message: the longest ago first. */
  const addedAt = new Map<string, number>();
  let youngestAt = 0;
  let restEndsAt = 0;
  let isAsking = false;
  /** Whether a message was added since the last question was asked. */
  let hasNews = false;
  let dueAt = Number.POSITIVE_INFINITY;
  let cancelTimer = (): void => undefined;

  const askIn = (waitMs: number): void => {
    const at = clock.monotonic() + waitMs;
    if (isAsking || at >= dueAt) return;
    cancelTimer();
    dueAt = at;
    cancelTimer = clock.timer(waitMs, () => void ask());
  };
  const ask = async (): Promise<void> => {
    dueAt = Number.POSITIVE_INFINITY;
    isAsking = true;
    hasNews = false;
    const ids = [...addedAt.keys()];
    const open = await query(statement, [JSON.stringify(ids)]).then(openIn, () => new Set<string>());
    const now = clock.monotonic();
    for (const id of ids) {
      if (!open.has(id) || now - (addedAt.get(id) ?? 0) > ageMsMax) addedAt.delete(id);
    }
    for (const at of addedAt.values()) youngestAt = at;
    isAsking = false;
    restEndsAt = now + restMs;
    if (addedAt.size === 0) return;
    askIn(hasNews ? restMs : Math.max(restMs, Math.min(waitMsMax, (now - youngestAt) * waitPerAge)));
  };
  return (id) => {
    hasNews = true;
    youngestAt = clock.monotonic();
    putLast(addedAt, id, youngestAt, transactionsMax);
    askIn(Math.max(firstMs, restEndsAt - youngestAt));
  };
}

/** Notifies if one of the transactions has committed, and returns which of them are open. */
const question = (channel: string): string => `
  WITH asked AS MATERIALIZED (
    SELECT value AS id, txid_status(value::bigint) AS status FROM json_array_elements_text($1::text::json)),
  committed AS MATERIALIZED (SELECT count(*) > 0 AS is_any FROM asked WHERE status = 'committed')
  SELECT (SELECT json_agg(id)::text FROM asked WHERE status = 'in progress') AS open,
    CASE WHEN is_any THEN pg_notify('${channel}', '') END AS notified, CASE WHEN is_any THEN ${commitLazily} END AS setting
  FROM committed`;

function openIn(rows: readonly unknown[]): ReadonlySet<string> {
  const { open } = rows[0] as { readonly open: string | null };
  return new Set(JSON.parse(open ?? "[]") as string[]);
}
