import type {
  ClaimedBatch,
  ClaimedMessage,
  OutboxBacklog,
  OutboxMessage,
  ParkedMessage,
  PostponeRequest,
  WholeParkedMessage,
} from "../outbox-store.ts";

/** A row of an outbox. Some drivers give large integers as text. */
export interface MessageRow {
  readonly position: string | number;
  readonly id: string;
  readonly topic: string;
  readonly ordering_key: string | null;
  /** The ordering key of one that the others passed. */
  readonly passed_key: string | null;
  readonly headers: string;
  readonly body: Uint8Array;
  readonly added_at: number | string;
  readonly refusals: number;
  readonly refusal: string | null;
  readonly parked_at: number | string | null;
}

/** The batches of a claim: one for each key, and one for all messages without a key. Rows are in the order of positions. */
export function claimedBatches(rows: readonly MessageRow[]): ClaimedBatch[] {
  const batches = new Map<string | null, ClaimedMessage[]>();
  for (const row of rows) {
    const batch = batches.get(row.ordering_key) ?? [];
    batches.set(row.ordering_key, batch);
    batch.push(readClaimed(row));
  }
  return [...batches].map(([key, messages]) => ({ orderingKey: key ?? undefined, messages }));
}

function readClaimed(row: MessageRow): ClaimedMessage {
  return { ...readMessage(row), position: String(row.position), refusals: row.refusals };
}

function readMessage(row: MessageRow): OutboxMessage {
  const { body } = row;
  // Drivers give a Buffer, which is a view of a larger memory and prints as itself.
  return { ...readEnvelope(row), body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
}

function readEnvelope(row: Omit<MessageRow, "body">): Omit<OutboxMessage, "body"> {
  return {
    id: row.id,
    topic: row.topic,
    orderingKey: row.ordering_key ?? row.passed_key ?? undefined,
    headers: JSON.parse(row.headers) as Record<string, string>,
    addedAt: Number(row.added_at),
  };
}

/**
 * Where the claims of one relay are among the ordering keys, or among the messages without one. Each claim continues where the
 * one before ended, so that what can't be claimed, or fails each time, keeps nothing else waiting.
 */
export interface ClaimRound {
  /** The key or the position after which the next claim continues; empty: it begins at the first. */
  readonly last: string;
  /**
   * Notes how far a claim came; empty when it reached the end.
   *
   * @returns true while the round has a part that no claim has looked at since something was claimed.
   */
  goOn(last: string, hasClaimed: boolean): boolean;
}

/**
 * @param anewEvery every how many claims one begins at the first, out of turn: where new messages come faster than they are
 *   claimed, a round has no end, and what was given back would wait for it. Default never.
 */
export function claimRound(anewEvery = Number.POSITIVE_INFINITY): ClaimRound {
  let last = "";
  let claims = 0;
  /** How often the end was reached since something was claimed. */
  let ends = 0;
  const isOutOfTurn = (): boolean => last !== "" && claims % anewEvery === anewEvery - 1;
  return {
    get last() {
      return isOutOfTurn() ? "" : last;
    },
    goOn(reached, hasClaimed) {
      const wasOutOfTurn = isOutOfTurn();
      claims += 1;
      if (hasClaimed) ends = 0;
      if (wasOutOfTurn) return true;
      const hasBegunAtFirst = last === "";
      last = reached;
      if (reached !== "") return true;
      ends += 1;
      const isOver = hasBegunAtFirst || ends === 2;
      if (isOver) ends = 0;
      return !isOver;
    },
  };
}

/** Every how many claims one begins at the first message without a key, whatever comes at the end. */
export const keylessAnewEvery = 32;

/** How many ordering keys one claim looks at, for each that it may take: those of other relays, and parked ones, are in its way. */
export const looksPerKey = 8;

/** How much of what a broker said is stored, characters. */
const refusalLengthMax = 1000;

/** A broker's answer, as every database can store it. */
export function storedRefusal(refusal: string | undefined): string | undefined {
  return refusal?.slice(0, refusalLengthMax).replaceAll("\0", "").toWellFormed();
}

/** The changes to messages that are given back, as JSON. */
export function postponedText(requests: readonly PostponeRequest[]): string {
  return JSON.stringify(
    requests.map(({ position, owner, delayMs, refusal, refusals, park }) => ({
      position,
      owner,
      delay_ms: Math.ceil(delayMs),
      refusal: storedRefusal(refusal) ?? null,
      refusals: refusals ?? null,
      park: park ?? null,
    })),
  );
}

/**
 * Which row `m` it is: one that the relay still holds. The lease of a key lies on its oldest message, so those behind it have
 * no owner. Without owner are those, too, that were given back or parked since: a late relay must not touch them.
 *
 * @param outbox the name of the table.
 * @param index what stands behind it, to find the oldest message of a key.
 */
export function postponed(outbox: string, index = ""): string {
  const oldest = `SELECT h.owner FROM ${outbox} AS h ${index} WHERE h.ordering_key = m.ordering_key
      ORDER BY h.position LIMIT 1`;
  return `m.position = ended.position AND (m.owner = ended.owner
    OR (m.owner IS NULL AND m.parked_at IS NULL AND ended.owner = (${oldest})))`;
}

/**
 * The assignments to a row `m` that is given back as `ended` says.
 *
 * @param now an expression of the time, milliseconds.
 * @param target what stands before the name of a column that is assigned. The key is assigned after what needs it.
 */
export function postponement(now: string, target = ""): string {
  return `
    ${target}owner = NULL, ${target}due_at = ${now} + ended.delay_ms,
    ${target}refusals = CASE WHEN ended.refusal IS NULL THEN m.refusals ELSE coalesce(ended.refusals, m.refusals + 1) END,
    ${target}refusal = coalesce(ended.refusal, m.refusal),
    ${target}parked_at = CASE WHEN ended.park IS NOT NULL THEN ${now} END,
    ${target}passed_key = CASE ended.park WHEN 'pass' THEN coalesce(m.ordering_key, m.passed_key) ELSE m.passed_key END,
    ${target}ordering_key = CASE ended.park WHEN 'pass' THEN NULL ELSE m.ordering_key END`;
}

/** A row of a parked message: its body, or only how large that is. */
export type ParkedRow = Omit<MessageRow, "body"> & { readonly body_bytes: number | string };

export function readParked(row: ParkedRow): ParkedMessage {
  const { position, body_bytes: bodyBytes, refusals, refusal, parked_at: parkedAt } = row;
  return {
    ...readEnvelope(row),
    position: String(position),
    bodyBytes: Number(bodyBytes),
    refusals,
    refusal: refusal ?? "",
    parkedAt: Number(parkedAt),
    blocks: row.ordering_key !== null,
  };
}

export function readWholeParked(row: MessageRow): WholeParkedMessage {
  const { body } = readMessage(row);
  return { ...readParked({ ...row, body_bytes: body.byteLength }), body };
}

/** How many messages of one id are shown. */
export const showParkedMax = 10;

/** The counts of an outbox: numbers, which some drivers give as text. `ms` is the store's time. */
export type BacklogRow = Readonly<Record<"ms" | "messages" | "parked" | "oldest", unknown>>;

export function readBacklog({ ms, messages, parked, oldest }: BacklogRow): OutboxBacklog {
  const oldestMs = oldest === null ? undefined : Math.max(0, Number(ms) - Number(oldest));
  return { messages: Number(messages), parked: Number(parked), oldestMs };
}
