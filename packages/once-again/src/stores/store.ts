import type { Awaitable } from "../core/awaitable.ts";
import type { HeldCount, StoreHealth } from "./health.ts";

export type { HeldCount, StoreHealth } from "./health.ts";

/** The name of one record: the caller (scope) and its operation (key). The two never run together: no separator can be forged. */
export interface RecordName {
  scope: string;
  key: string;
}

/** One operation as it is stored. Times are milliseconds since the epoch by the store's own clock. */
export interface KeyRecord {
  /** `running` until a result is stored. A running record with its lease over is *abandoned*: derived, never stored. */
  state: "running" | "done";
  /** The fingerprint of the request (SHA-256, hexadecimal). */
  fingerprint: string;
  /** The token of the attempt that owns, or owned, the operation. */
  owner: string;
  /** 1 for the first attempt, counting up with every take-over. */
  attempt: number;
  /** Grows with every take-over, and with the store's clock past release and expiry: an effect refuses a lower one. */
  fence: number;
  leaseUntil: number;
  /** The result of each finished step, by name. */
  checkpoints: Readonly<Record<string, Uint8Array>>;
  /** The stored answer; only in state `done`. */
  result?: Uint8Array | undefined;
  createdAt: number;
  /**
   * When the record expires. A record that runs expires only where its claim set `heldRetentionMs`: otherwise this is
   * `Infinity`. The retention of a done record counts from its completion.
   */
  expiresAt: number;
  /** When a person settled the record as done (`resolve`); missing where its own attempt completed it. */
  settledAt?: number | undefined;
  /** Who settled it, and why: see `readSettlementNote`. Empty where that was not said; missing as above. */
  settlementNote?: Uint8Array | undefined;
  /** Facts about the operation, for people, by its last claim or a later renewal: see `readDetails`. */
  details?: Uint8Array | undefined;
}

export interface ClaimRequest extends RecordName {
  fingerprint: string;
  /** A token that no other attempt has, of up to 255 visible ASCII characters. */
  owner: string;
  leaseMs: number;
  /**
   * How long the result is to be stored, milliseconds, counted from its completion: a store that can't store it for so long
   * refuses the claim, before the operation runs.
   */
  retentionMs: number;
  /**
   * How long the record is stored while it has no result, milliseconds, counted from the last claim; by default for ever. After
   * it the key is forgotten: the next claim gets it as a new one, although the operation may have happened.
   */
  heldRetentionMs?: number | undefined;
  /**
   * Take an abandoned record over, instead of being notified of it, when its lease has been over for at least so long,
   * milliseconds; by default never.
   */
  takeOverAfterMs?: number | undefined;
  /** Facts about the operation, for people, as `encodeDetails` makes them; default none. No store reads them. */
  details?: Uint8Array | undefined;
}

/** The claim was granted: its owner has the key until the lease is over. */
export interface Acquired {
  kind: "acquired";
  /** 1 for the first, one more each time that the key is taken over. */
  attempt: number;
  /** Larger than that of every earlier attempt of this key. */
  fence: number;
  /** Whether an earlier attempt may have had effects. */
  abandoned: boolean;
  /** The results of the steps that earlier attempts finished, by the steps' names. */
  checkpoints: Readonly<Record<string, Uint8Array>>;
}

/** The answer to a claim: the key is ours, or who has it, or what is stored under it. */
export type ClaimAnswer =
  | Acquired
  | { kind: "in-progress"; leaseMsLeft: number }
  | { kind: "done"; result: Uint8Array }
  | { kind: "mismatch" }
  /** `leaseOverMs`: for how long the last owner's lease has been over, milliseconds. */
  | { kind: "abandoned"; leaseOverMs: number };

/** A record's name and the token of the attempt that says it owns it. */
export interface ReleaseRequest extends RecordName {
  owner: string;
}

export interface CompleteRequest extends ReleaseRequest {
  result: Uint8Array;
  retentionMs: number;
}

export interface RenewRequest extends ReleaseRequest {
  leaseMs: number;
  /** Takes the place of the details that the claim brought; default: they stay. */
  details?: Uint8Array | undefined;
}

export interface StepRequest extends ReleaseRequest {
  step: string;
}

export interface CheckpointRequest extends StepRequest {
  result: Uint8Array;
}

/** The operation happened: a person says with which result. */
export interface DoneSettlement {
  as: "done";
  /** The result that every repeat gets from then on. */
  result: Uint8Array;
  /** How long the result is stored, milliseconds, counted from the settlement. */
  retentionMs: number;
  /** Who settles the record, and why, as `settlementNote` makes it: it is stored with the record. Default empty. */
  note?: Uint8Array | undefined;
}

/** How a person settles an abandoned record. As not executed, the record is removed with all that is stored of it. */
export interface ResolveRequest extends RecordName {
  settlement: DoneSettlement | { as: "not-executed" };
}

/** One record as people see it. */
export interface InspectedRecord extends RecordName {
  /** `broken`: no store can have written it so. It answers nothing, and can be released as not executed. */
  state: "running" | "done" | "abandoned" | "broken";
  /** Of a broken one, what could be read. */
  record: KeyRecord;
  /** The problem of a broken one, as a sentence. */
  problem?: string | undefined;
  /**
   * By how much the clock was ahead when it was claimed or settled, milliseconds: its time is later than the store's clock is now.
   * Missing where it is not.
   */
  aheadMs?: number | undefined;
  /** Only in a list of sizes, in the place of the record's result and checkpoints. */
  sizes?: RecordSizes | undefined;
}

/** How much is stored in a record. */
export interface RecordSizes {
  /** The length of the result as it is stored; missing where there is no result. */
  readonly resultBytes?: number | undefined;
  readonly checkpoints: number;
}

/** Which records to list. */
export interface ListRequest {
  /** Only those of this scope; default all. */
  readonly scope?: string | undefined;
  /** Only those with a scope that begins so; default all. */
  readonly scopePrefix?: string | undefined;
  /** Only those with this key, whole, in whatever scope; default all. */
  readonly key?: string | undefined;
  /** Only those in this state; default all, broken ones too. */
  readonly state?: Exclude<InspectedRecord["state"], "broken"> | undefined;
  /** How many at most, 1 to 1000; default 100. */
  readonly limit?: number | undefined;
  /**
   * `"name"` (default): by scope and key. `"age"`: by the end of their leases, so that of the abandoned ones those come first that
   * are held longest; then by scope and key.
   */
  readonly order?: "name" | "age" | undefined;
  /** Go on after this record, in that order: with `"age"` its `leaseUntil` is needed, too. */
  readonly after?: ListPosition | undefined;
  /**
   * `"whole"` (default): with results and checkpoints. `"sizes"`: without them, and with their `sizes`. They may be large, and a store
   * that can measure them without reading them does so.
   */
  readonly content?: "whole" | "sizes" | undefined;
}

/** Which expired records to remove. */
export interface PurgeRequest {
  limit: number;
  /** Only those of this scope; default all. */
  scope?: string | undefined;
}

/** The place of a record in a list. */
export interface ListPosition extends RecordName {
  readonly leaseUntil?: number | undefined;
}

/**
 * The port that every engine implements. Each method is one atomic round trip, decides by the store's own clock, and
 * is idempotent for one owner token, so that a lost acknowledgement is repeated safely. `transition.ts` beside this
 * file says exactly what each does to a record.
 *
 * A store that has its answer at once may return it as it is; one that has to wait returns a promise.
 *
 * Every method rejects, or throws, when the store can't be reached; whether it was executed is then unknown.
 */
export interface Store {
  /** Whether an acknowledged claim outlives the loss of the node that acknowledged it. */
  readonly survivesFailover: "yes" | "synchronous" | "no";
  /**
   * How long the store can store a record at most, milliseconds; missing where there is no such bound. Such a store forgets
   * records that run, too: a server needs a `heldRetentionMs` up to this bound.
   */
  readonly retentionMsMax?: number | undefined;
  /**
   * The largest result that the store takes, bytes; missing where it takes any that a server would store. A larger one is refused
   * with `ONCE_RESULT_TOO_LARGE`. Servers ask for this bound when they are made, so that they never try.
   */
  readonly resultBytesMax?: number | undefined;
  claim(request: ClaimRequest): Awaitable<ClaimAnswer>;
  /** Keeps the result. `false`: the operation is no longer this owner's, and nothing was changed. */
  complete(request: CompleteRequest): Awaitable<boolean>;
  /** Sets the end of the lease to now + `leaseMs`, and the details where it brings some; 0 abandons the record at once. `false` as above. */
  renew(request: RenewRequest): Awaitable<boolean>;
  /**
   * Removes the record, since nothing happened. After a take-over (`attempt` above 1) an earlier attempt may have had an
   * effect: then the record is abandoned at once instead. `false` as above.
   */
  release(request: ReleaseRequest): Awaitable<boolean>;
  /** Keeps the result of one step. `false` as above. */
  checkpoint(request: CheckpointRequest): Awaitable<boolean>;
  inspect(name: RecordName): Awaitable<InspectedRecord | undefined>;
  list(request: ListRequest): Awaitable<InspectedRecord[]>;
  /**
   * Settles an abandoned record by hand, and releases a broken one as not executed. `false`: no record has that name, or
   * it is neither.
   */
  resolve(request: ResolveRequest): Awaitable<boolean>;
  /** Removes up to `limit` expired records, and says how many. */
  purge(request: PurgeRequest): Awaitable<number>;
  /** Dangers to operations or records, for a readiness probe; missing where there is no server to ask. Never rejects. */
  health?(): Promise<StoreHealth>;
  /** Counts the held keys by an index; missing where that would read every record (Redis, NATS). */
  countHeld?(): Awaitable<HeldCount>;
  close(): Promise<void>;
}

/** A store that asks a server or a thread: each of its answers is a promise. */
export interface AsyncStore extends Store {
  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  complete(request: CompleteRequest): Promise<boolean>;
  renew(request: RenewRequest): Promise<boolean>;
  release(request: ReleaseRequest): Promise<boolean>;
  checkpoint(request: CheckpointRequest): Promise<boolean>;
  inspect(name: RecordName): Promise<InspectedRecord | undefined>;
  list(request: ListRequest): Promise<InspectedRecord[]>;
  resolve(request: ResolveRequest): Promise<boolean>;
  purge(request: PurgeRequest): Promise<number>;
}

/**
 * Is called for each use of a transaction after its work ended, which the transaction refused: the late effect did not happen.
 * The error is an `OnceAgainError` of code `ONCE_OPERATION_ENDED`.
 */
export type OnLateUse = (error: Error) => void;

export interface TransactionRequest extends RecordName {
  fingerprint: string;
  /** How long the result is stored, milliseconds, counted from the end of the work. */
  retentionMs: number;
  /** How long a key is held when its work ended its own transaction, milliseconds; by default for ever. */
  heldRetentionMs?: number | undefined;
  /** As of a claim. */
  details?: Uint8Array | undefined;
}

/**
 * How the work inside a transaction ended: `commit` keeps its effects and the result; `answer-only` undoes its effects
 * and keeps the result (a failure that the caller shall see again); `rollback` undoes everything, key included.
 */
export interface TransactionEnding<Value> {
  keep: "commit" | "answer-only" | "rollback";
  /** The result that is stored for replays. */
  result: Uint8Array;
  /** The value for the caller of `transact`. */
  value: Value;
  /** With `rollback`, why: work that failed over a conflict with another transaction is run again, a few times. */
  cause?: unknown;
}

/** The outcome of an operation in a transaction: it ran and was committed, or why it did not run. */
export type TransactionAnswer<Value> = { kind: "executed"; value: Value } | Exclude<ClaimAnswer, Acquired>;

/** How far a source of numbered messages has got, or an object that events describe. It only ever goes up. */
export interface MarkRequest extends RecordName {
  /** A whole number from 0 to 2^53 - 1. */
  position: number;
  /** When the source stored what has this position, whole milliseconds since the epoch; missing where it is unknown. */
  storedAt?: number | undefined;
}

/** The answer to a request to move a mark. */
export type MarkAnswer =
  /** It is at this position from the commit on. */
  | { kind: "moved" }
  /** It is there already, or further. */
  | { kind: "behind"; position: number; storedAt: number | undefined }
  /** Another transaction is moving it. */
  | { kind: "locked" };

/**
 * A store in the user's own database, where key, effect and result commit in one transaction.
 *
 * The `transaction` that work is given is good until that work has ended, however it ended, and no longer: every use
 * after that rejects with `ONCE_OPERATION_ENDED`, changes nothing, and is reported to `onLateUse`. While it is good, it can't
 * end the transaction: BEGIN, COMMIT and ROLLBACK on it are refused or become savepoints before they are sent.
 */
export interface TransactionalStore<Transaction> extends AsyncStore {
  /**
   * Runs `work` in a transaction that also holds the key. What `work` throws rolls everything back and is thrown on.
   * If the transaction was committed or rolled back by the work all the same, the key is held, never free.
   */
  transact<Value>(
    request: TransactionRequest,
    work: (transaction: Transaction) => Promise<TransactionEnding<Value>>,
    onLateUse?: OnLateUse,
  ): Promise<TransactionAnswer<Value>>;
  /**
   * Runs one step of a leased operation: its effect and its checkpoint in one transaction, as long as the owner owns the
   * key. A step that was stored before is not run again: its checkpoint is the answer. `undefined`: the operation is no
   * longer this owner's, and the step had no effect.
   */
  transactStep(
    request: StepRequest,
    work: (transaction: Transaction) => Promise<Uint8Array>,
    onLateUse?: OnLateUse,
  ): Promise<Uint8Array | undefined>;
  /** The same as `transact` without a key, for requests that bring none. */
  transactUnkeyed<Value>(
    work: (transaction: Transaction) => Promise<TransactionEnding<Value>>,
    onLateUse?: OnLateUse,
  ): Promise<Value>;
  /**
   * Moves a high-water mark up, within a transaction that work was given: it commits with the effect or not at all, and
   * until then no other transaction moves it. Missing in a store that has none: an inbox takes no numbered messages there, and a
   * webhook route no `latest`.
   */
  moveMark?(transaction: Transaction, request: MarkRequest): Promise<MarkAnswer>;
}
