import type { OutboxMessage } from "once-again/outbox";

/** A dead letter, read: the message that an inbox put aside, and what the inbox said of it. */
export interface Letter {
  /** The id of the message, which its repeats have, too; undefined where a broker put aside a message that has none. */
  readonly id: string | undefined;
  readonly topic: string;
  readonly orderingKey: string | undefined;
  /** The message's own headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Why it was put aside: a word of the inbox, or of the broker. */
  readonly reason: string | undefined;
  readonly detail: string | undefined;
  readonly consumer: string | undefined;
  /** Where it came from, and goes back to. */
  readonly source: string | undefined;
  /** How often it was delivered, as far as its broker counts. */
  readonly attempts: number | undefined;
  /** When it was put aside, milliseconds since the epoch. */
  readonly at: number | undefined;
  /** Where the message still is, when the letter was too large for its place, and has no body. */
  readonly cutFrom: string | undefined;
}

/** A letter as its broker hands it over. */
export interface RawLetter extends Pick<Letter, "id" | "topic" | "orderingKey" | "headers" | "body" | "at"> {
  /** The facts that a broker says by itself, where no inbox wrote the letter. */
  readonly reason?: string | undefined;
  readonly source?: string | undefined;
}

const ownHeader = /^dead-letter-/i;

/** Reads a letter: the headers that our consumers add, apart from those of the message. */
export function readLetter(raw: RawLetter): Letter {
  const entries = Object.entries(raw.headers);
  const own = new Map(entries.map(([name, value]) => [name.toLowerCase(), value]));
  const header = (name: string): string | undefined => own.get(`dead-letter-${name}`);
  const isCut = header("cut") !== undefined;
  const attempts = Number(header("deliveries"));
  return {
    id: header("id") ?? raw.id,
    topic: raw.topic,
    orderingKey: header("ordering-key") ?? raw.orderingKey,
    headers: Object.fromEntries(entries.filter(([name]) => !ownHeader.test(name))),
    body: raw.body,
    reason: header("reason") ?? raw.reason,
    detail: header("detail"),
    consumer: header("consumer"),
    source: header("source") ?? raw.source,
    attempts: Number.isSafeInteger(attempts) && attempts > 0 ? attempts : undefined,
    at: raw.at,
    cutFrom: isCut ? (header("place") ?? "its topic") : undefined,
  };
}

/** The message of a letter, to be published as it was the first time. */
export function messageOf(letter: Letter & { readonly id: string }, now: number): OutboxMessage {
  const { id, topic, orderingKey, headers, body } = letter;
  return { id, topic, orderingKey, headers, body, addedAt: now };
}

/** A place of dead letters, opened. */
export interface LetterPlace {
  /** How many letters it has, as far as its broker says; an estimate in SQS. */
  count(): Promise<number>;
  /**
   * Hands over the letters that are there now, the oldest first, until there are no more, `max` were visited, or a visit returns
   * `false`. Each stays in its place until it is removed.
   */
  visit(max: number, visitor: (held: HeldLetter) => Promise<boolean>): Promise<void>;
  /** Has the broker keep what was removed, where it keeps that apart from the letters. */
  finish(): Promise<void>;
  /** A remark for the operator about this place, after the letters were visited. */
  notice(): string | undefined;
  /** Gives back all letters that were not removed. */
  close(): Promise<void>;
}

/** A letter in the hands of a command. */
export interface HeldLetter {
  readonly letter: Letter;
  /**
   * Publishes it to a place.
   *
   * @returns `false` when the broker says that it had the id already, and so took nothing.
   * @throws what a publisher of the outbox throws.
   */
  send(to: string): Promise<boolean>;
  remove(): Promise<void>;
}

/** How long a broker may take for one step, milliseconds. */
const stepMsMax = 10_000;

/** @throws Error that names the step, when the broker takes too long for it. */
export async function inTime<Value>(step: string, work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`The broker did not answer within ${stepMsMax / 1000} s: ${step}.`);
    timer = setTimeout(() => reject(error), stepMsMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Of headers of any kind those that are texts. */
export function textHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts);
}

/** Headers that a publisher has written into one text; of anything else none. */
export function writtenHeaders(json = "{}"): Record<string, string> {
  try {
    return textHeaders((JSON.parse(json) ?? {}) as Record<string, unknown>);
  } catch {
    return {};
  }
}
