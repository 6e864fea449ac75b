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

function messageOf(row: MessageRow): OutboxMessage {
  const { body } = row;
  // Drivers give a Buffer, which is a view of a larger memory and prints as itself.
  return { ...envelopeOf(row), body: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
}

function envelopeOf(row: Omit<MessageRow, "body">): Omit<OutboxMessage, "body"> {
  return {
    id: row.id,
    topic: row.topic,
    orderingKey: row.ordering_key ?? row.passed_key ?? undefined,
    headers: JSON.parse(row.headers) as Record<string, string>,
    addedAt: Number(row.added_at),
  };
}

function claimedOf(row: MessageRow): ClaimedMessage {
  return { ...messageOf(row), position: String(row.position), refusals: row.refusals };
}

/** The batches of a claim: one for each key, and one for all messages without a key. Rows are in the order of positions. */
export function claimedBatches(rows: readonly MessageRow[]): ClaimedBatch[] {
  const batches = new Map<string | null, ClaimedMessage[]>();
  for (const row of rows) {
    const batch = batches.get(row.ordering_key) ?? [];
    batches.set(row.ordering_key, batch);
    batch.push(claimedOf(row));
  }
  return [...batches].map(([key, messages]) => ({ orderingKey: key ?? undefined, messages }));
}

/** A row of a parked message: its body, or only how large that is. */
export type ParkedRow = Omit<MessageRow, "body"> & { readonly body_bytes: number | string };

export function parkedOf(row: ParkedRow): ParkedMessage {
  const { position, body_bytes: bodyBytes, refusals, refusal, parked_at: parkedAt } = row;
  return {
    ...envelopeOf(row),
    position: String(position),
    bodyBytes: Number(bodyBytes),
    refusals,
    refusal: refusal ?? "",
    parkedAt: Number(parkedAt),
    blocks: row.ordering_key !== null,
  };
}

export function wholeParkedOf(row: MessageRow): WholeParkedMessage {
  const { body } = messageOf(row);
  return { ...parkedOf({ ...row, body_bytes: body.byteLength }), body };
}

/** How many messages of one id are shown. */
export const showParkedMax = 10;

/** What is counted of an outbox: numbers, which some drivers give as text. `ms` is the store's time. */
export type BacklogRow = Readonly<Record<"ms" | "messages" | "parked" | "oldest", unknown>>;

export function backlogOf({ ms, messages, parked, oldest }: BacklogRow): OutboxBacklog {
  const oldestMs = oldest === null ? undefined : Math.max(0, Number(ms) - Number(oldest));
  return { messages: Number(messages), parked: Number(parked), oldestMs };
}

/** How much of what a broker said is stored, characters. */
const refusalLengthMax = 1000;

/** What is written for messages that are given back, as JSON. */
export function postponedText(requests: readonly PostponeRequest[]): string {
  return JSON.stringify(
    requests.map(({ position, owner, delayMs, refusal, refusals, park }) => ({
      position,
      owner,
      delay_ms: Math.ceil(delayMs),
      refusal: refusal?.slice(0, refusalLengthMax).replaceAll("\0", "").toWellFormed() ?? null,
      refusals: refusals ?? null,
      park: park ?? null,
    })),
  );
}
