import type { Awaitable } from "../../core/awaitable.ts";
import { checkChoice, checkNumber } from "../../core/options.ts";
import type {
  ClaimedBatch,
  ClaimedMessage,
  DiscardedMessage,
  Discarding,
  ListUnconfirmedRequest,
  OutboxBacklog,
  OutboxMessage,
  PostponeRequest,
  UnconfirmedMessage,
  UnconfirmedPlace,
  UnconfirmedState,
  WholeUnconfirmedMessage,
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
  readonly place: string | null;
  readonly due_at: number | string;
  /** When it was tried last, and not confirmed; null also for one that a relay of an earlier version has tried. */
  readonly tried_at: number | string | null;
  readonly parked_at: number | string | null;
}

/**
 * The marks before the name of a place, with which it stands in the column of ordering keys. A message without a key that waits
 * for its place is in a line of that, which claims treat as a key. No ordering key has control characters.
 */
const lineMarks = { untried: "\u0001", failed: "\u0002" } as const;

const lines: ReadonlyMap<string, ClaimedBatch["line"]> = new Map([
  [lineMarks.untried, "untried"],
  [lineMarks.failed, "failed"],
]);

/**
 * Whether the ordering key of a row is the line of a place. Claims find it by its oldest message. Unlike those of a key, each has
 * its own lease and delay: a message that comes into the line may be older than the one that holds it.
 */
export const isLine = (row: string): string => `${row}.ordering_key < ' '`;

/** Whether the ordering key that a row has is the line of a place. */
export const isLineName = (key: string): boolean => key < " ";

/** The ordering key that a message was added with. The line of a place stands in its column, and is not one. */
function addedKey(key: string | null): string | undefined {
  return key === null || isLineName(key) ? undefined : key;
}

/** The batches of a claim: one for each key or line, and one for all other messages. Rows are in the order of positions. */
export function claimedBatches(rows: readonly MessageRow[]): ClaimedBatch[] {
  const batches = new Map<string | null, ClaimedMessage[]>();
  for (const row of rows) {
    const batch = batches.get(row.ordering_key) ?? [];
    batches.set(row.ordering_key, batch);
    batch.push(readClaimed(row));
  }
  return [...batches].map(([key, messages]) => ({
    orderingKey: addedKey(key),
    line: key === null ? undefined : lines.get(key[0]!),
    messages,
  }));
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
    orderingKey: addedKey(row.ordering_key) ?? row.passed_key ?? undefined,
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
    requests.map(({ position, owner, delayMs, place, line, refusal, refusals, park }) => ({
      position,
      owner,
      delay_ms: Math.ceil(delayMs),
      place: place ?? null,
      line: place === undefined || line === undefined ? null : `${lineMarks[line]}${place}`,
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
    ${target}refusal = coalesce(ended.refusal, m.refusal), ${target}place = coalesce(ended.place, m.place),
    ${target}tried_at = CASE WHEN ended.refusal IS NULL THEN m.tried_at ELSE ${now} END,
    ${target}parked_at = CASE WHEN ended.park IS NOT NULL THEN ${now} END,
    ${target}passed_key = CASE WHEN ended.park = 'pass' AND NOT ${isLine("m")} THEN m.ordering_key ELSE m.passed_key END,
    ${target}ordering_key = CASE WHEN ended.park = 'pass' THEN NULL
      WHEN m.ordering_key IS NULL OR ${isLine("m")} THEN CASE WHEN ended.park IS NULL THEN ended.line END
      ELSE m.ordering_key END`;
}

/** A row of an unconfirmed message: its body, or only how large that is. */
export type UnconfirmedRow = Omit<MessageRow, "body"> & { readonly body_bytes: number | string };

export function readUnconfirmed(row: UnconfirmedRow): UnconfirmedMessage {
  const { position, body_bytes: bodyBytes, refusals, refusal, parked_at: parkedAt, tried_at: triedAt } = row;
  return {
    ...readEnvelope(row),
    position: String(position),
    bodyBytes: Number(bodyBytes),
    refusals,
    refusal: refusal ?? "",
    triedAt: Number(triedAt ?? parkedAt),
    place: row.place ?? undefined,
    dueAt: Number(row.due_at),
    parkedAt: parkedAt === null ? undefined : Number(parkedAt),
    blocks: addedKey(row.ordering_key) !== undefined,
  };
}

export function readWholeUnconfirmed(row: MessageRow): WholeUnconfirmedMessage {
  const { body } = readMessage(row);
  return { ...readUnconfirmed({ ...row, body_bytes: body.byteLength }), body };
}

/**
 * Lists unconfirmed messages of one state, or of both: an index of each finds them. A message that changes its state between the two
 * is there once.
 *
 * @param ofState lists those of a state, by their positions, up to the limit.
 */
export async function listStates<Row extends { readonly position: string | number }>(
  { state }: Pick<ListUnconfirmedRequest, "state">,
  limit: number,
  ofState: (state: UnconfirmedState) => Awaitable<readonly Row[]>,
): Promise<Row[]> {
  if (state !== undefined) return [...(await ofState(checkChoice("state", state, ["parked", "waiting"])))];
  const lists = [await ofState("parked"), await ofState("waiting")];
  const all = new Map(lists.flat().map((row) => [BigInt(row.position), row]));
  return [...all]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, row]) => row)
    .slice(0, limit);
}

/** For how long it is stored that a message was discarded, milliseconds, unless that is said. */
const discardedMs = 30 * 86_400_000;

/** How a message is discarded, checked. @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function checkDiscarding({ note = new Uint8Array(), retentionMs = discardedMs }: Discarding = {}) {
  return { note, retentionMs: Math.ceil(checkNumber("retentionMs", retentionMs, { min: 1 })) };
}

/** A row of a discarded message. */
export type DiscardedRow = Readonly<Record<"position" | "added_at" | "parked_at" | "discarded_at", string | number>> &
  Readonly<Record<"ordering_key" | "place" | "refusal", string | null>> & {
    readonly id: string;
    readonly topic: string;
    readonly refusals: number;
    readonly note: Uint8Array;
  };

export function readDiscarded(row: DiscardedRow): DiscardedMessage {
  const { id, topic, refusals, note } = row;
  return {
    ...{ position: String(row.position), id, topic, refusals },
    orderingKey: row.ordering_key ?? undefined,
    addedAt: Number(row.added_at),
    place: row.place ?? undefined,
    refusal: row.refusal ?? "",
    parkedAt: Number(row.parked_at),
    discardedAt: Number(row.discarded_at),
    note: new Uint8Array(note.buffer, note.byteOffset, note.byteLength),
  };
}

/** The columns in which it is stored that a message was discarded, but for the time, the note and the end of that. */
export const discardedColumns = "position, id, topic, ordering_key, place, added_at, refusals, refusal, parked_at";

/** The same of a parked message `m`. */
export const discardedValues =
  "m.position, m.id, m.topic, coalesce(m.ordering_key, m.passed_key), m.place, m.added_at, m.refusals, m.refusal, m.parked_at";

/** How many messages of one id are shown. */
export const showMax = 10;

/** The counts of an outbox: numbers, which some drivers give as text. `ms` is the store's time. */
export type BacklogRow = Readonly<Record<"ms" | "messages" | "parked" | "unconfirmed" | "places" | "oldest", unknown>>;

export function readBacklog({ ms, oldest, ...counts }: BacklogRow): OutboxBacklog {
  const { messages, parked, unconfirmed, places } = counts;
  const oldestMs = oldest === null ? undefined : Math.max(0, Number(ms) - Number(oldest));
  return {
    messages: Number(messages),
    parked: Number(parked),
    unconfirmed: Number(unconfirmed),
    places: Number(places),
    oldestMs,
  };
}

/** How far an outbox counts. */
export const countMax = 10_000;

/** How many places are listed. */
export const placesListed = 10;

/**
 * The statement that lists places.
 *
 * @param waiting the table as `m`, with the condition of those that wait unconfirmed, which an index finds.
 * @param dialect.concatenate joins two texts.
 * @param dialect.text a column of text as drivers are to get it.
 * @param dialect.canReachOut whether a subquery in a FROM clause may name columns of the query around it, so that counting ends.
 */
export function placesStatement(
  outbox: string,
  waiting: string,
  dialect: {
    concatenate: (one: string, other: string) => string;
    text?: (column: string) => string;
    canReachOut?: boolean;
  },
): string {
  const { concatenate, text = (column) => column, canReachOut = true } = dialect;
  const inLine = `FROM ${outbox} AS l WHERE l.ordering_key = ${concatenate(`'${lineMarks.untried}'`, "g.place")}`;
  const counted = canReachOut ? `FROM (SELECT 1 ${inLine} LIMIT ${countMax}) AS counted` : inLine;
  return `SELECT ${text("g.place")} AS place, g.tried, g.oldest_at, g.tried_at, ${text("newest.refusal")} AS refusal,
      (SELECT count(*) ${counted}) AS untried
    FROM (SELECT f.place, count(*) AS tried, min(f.added_at) AS oldest_at, max(f.tried_at) AS tried_at, max(f.position) AS newest
      FROM (SELECT m.place, m.added_at, m.tried_at, m.position FROM ${waiting} ORDER BY m.position LIMIT ${countMax}) AS f
      GROUP BY f.place) AS g
    JOIN ${outbox} AS newest ON newest.position = g.newest ORDER BY g.tried DESC, g.oldest_at LIMIT ${placesListed}`;
}

/** A row of `placesStatement`. */
export type PlaceRow = Readonly<Record<"place" | "refusal", string | null>> &
  Readonly<Record<"tried" | "untried" | "oldest_at" | "tried_at", number | string>>;

export function readPlace(row: PlaceRow): UnconfirmedPlace {
  return {
    place: row.place ?? undefined,
    tried: Number(row.tried),
    untried: Math.min(countMax, Number(row.untried)),
    oldestAt: Number(row.oldest_at),
    triedAt: Number(row.tried_at),
    refusal: row.refusal ?? "",
  };
}
