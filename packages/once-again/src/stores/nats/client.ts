/** The part of an entry of a NATS bucket that we use. */
export interface NatsEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The stream's sequence number of this version; no other version of any key has it. */
  readonly revision: number;
  readonly operation: "PUT" | "DEL" | "PURGE";
}

/** The part of a bucket's state that we use. */
export interface NatsBucketStatus {
  /** How long an entry is stored after it was last written, milliseconds; 0: for ever. */
  readonly ttl: number;
  readonly replicas: number;
  /** How many versions of an entry are stored. */
  readonly history: number;
  readonly streamInfo: {
    /** The time at which the stream's leader answered; servers of version 2.10 and later say it. */
    readonly ts?: string;
    readonly config: {
      /** The name of the stream in which the bucket is. */
      readonly name: string;
      /** The subjects of its entries, with a wildcard for the key: one for a bucket. */
      readonly subjects: readonly string[];
      readonly storage: string;
      readonly discard: string;
      readonly allow_direct: boolean;
    };
    readonly state: {
      /** How many entries there are. */
      readonly messages: number;
      /** The last revision that was given. */
      readonly last_seq: number;
    };
  };
}

/** A message of a bucket's stream. */
export interface NatsStoredMessage {
  readonly seq: number;
  /** Which operation wrote it stands in `KV-Operation`; a `put` has none. */
  readonly header?: { get(name: string): string } | undefined;
  readonly data: Uint8Array;
}

/** The part of the streams under a bucket that we use. */
export interface NatsStreams {
  /** The first message of a subject from a sequence number on; `null`: there is no such message. */
  getMessage(stream: string, query: { seq: number; next_by_subj: string }): Promise<NatsStoredMessage | null>;
  /** Removes one message. A newer one of its subject has another number, and stays. */
  deleteMessage(stream: string, seq: number, erase?: boolean): Promise<boolean>;
}

/** The part of a connection that says how large a message its server takes. */
export interface NatsServer {
  readonly info?: { readonly max_payload?: number | undefined } | undefined;
}

/** The part of a `KV` of `@nats-io/kv` that we use: your own bucket. */
export interface NatsKv {
  /** The manager of its streams, which each `KV` has: it removes expired records where the bucket does not. */
  readonly jsm?: { readonly streams: NatsStreams; readonly nc?: NatsServer | undefined } | undefined;
  get(key: string): Promise<NatsEntry | null>;
  /** Writes unless the key's last revision is another than `previousSeq` (0: it has no revision). */
  put(key: string, data: Uint8Array, options: { previousSeq: number }): Promise<number>;
  delete(key: string, options: { previousSeq: number }): Promise<void>;
  /** The entries of all keys, those deleted included. */
  history(): Promise<AsyncIterable<NatsEntry>>;
  status(): Promise<NatsBucketStatus>;
}

/** The time by the clock of the stream's leader, milliseconds since the epoch. */
export async function leaderTime(kv: NatsKv): Promise<number> {
  return timeIn((await kv.status()).streamInfo);
}

/** @throws Error for a server that does not say its time. */
export function timeIn({ ts }: NatsBucketStatus["streamInfo"]): number {
  const now = Date.parse(ts ?? "");
  if (Number.isNaN(now)) throw new Error("The server does not say its time: NATS 2.10 or later is needed.");
  return now;
}

/** The API's codes for "another revision is the last one"; replicated streams use the second too. */
const wrongLastSequence = [10_071, 10_164];

/** Whether a write was refused since another client wrote first. */
export function isConflict(error: unknown): boolean {
  return error instanceof Error && "code" in error && wrongLastSequence.includes(Number(error.code));
}
