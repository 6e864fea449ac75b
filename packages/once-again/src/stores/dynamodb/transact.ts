import { OnceAgainError } from "../../core/errors.ts";
import { keyQueue } from "../../core/key-queue.ts";
import { invalidOptionError } from "../../core/options.ts";
import { lateUse } from "../guard/guard.ts";
import type {
  AsyncStore,
  ClaimAnswer,
  KeyRecord,
  MarkAnswer,
  MarkRequest,
  OnLateUse,
  StepRequest,
  TransactionalStore,
  TransactionAnswer,
  TransactionEnding,
  TransactionRequest,
} from "../store.ts";
import { isExpired, transition } from "../transition.ts";
import type { ConditionRefusal } from "./connection.ts";
import { type Condition, putOf, showsOld, updateOf } from "./conditional-write.ts";
import {
  checkResult,
  conflictsError,
  freeCondition,
  isOwned,
  ownedValues,
  readSeen,
  sameCondition,
  stampEnd,
  type TableParts,
} from "./leased-operations.ts";
import type { ConditionCheck, Delete, Get, Item, Put, TransactWriteItem, Update } from "./api-types.ts";
import { bytes, hashedKey, itemKey, number, readItem, recordItem, stepAttribute, text } from "./record-format.ts";
import type { AnswerTime, TimeInterval } from "./server-time.ts";

/**
 * The transaction that a handler is given: it collects writes, which one TransactWriteItems commits together with the key and its answer, when
 * the handler has answered. Until then nothing is written. All values are DynamoDB's (`{ S: "text" }`): `marshall` of `@aws-sdk/util-dynamodb`
 * makes them of plain ones.
 *
 * DynamoDB takes up to 100 writes, the key among them, of 4 MB together, and none twice of one item.
 */
export interface DynamodbTransaction {
  /** Puts an item, when the handler has answered. */
  put(write: Put): void;
  /** Changes an item, when the handler has answered. */
  update(write: Update): void;
  /** Deletes an item, when the handler has answered. */
  delete(write: Delete): void;
  /** Commits nothing unless a condition holds then, of an item that is not written. */
  check(check: ConditionCheck): void;
  /**
   * Reads an item as it is now, without the writes that were collected. What it shows may be changed by others until the commit: give a
   * write, or a `check`, the condition that it has not. Where a condition fails, the handler is run again, and reads anew.
   */
  get(read: Get): Promise<{ Item?: Item }>;
}

/** How many writes of a handler fit into a transaction beside its key. */
const writesMax = 99;

/** How often work is run until its transaction meets no other. */
const runsMax = 10;

/** How often a transaction is sent while its answers are lost: by its condition it is committed once. */
const sendsMax = 3;

/** The writes of one run of the work. */
export class CollectedTransaction implements DynamodbTransaction {
  readonly writes: TransactWriteItem[] = [];
  /** Marks that were moved, by their items' keys. */
  readonly marks = new Map<string, MarkRequest>();
  /** The newest message of each ordering key to which some were added, by the keys' items. */
  readonly sequences = new Map<string, NextSequence>();
  /** Adds to one ordering key come one after the other, in the order in which they were called. */
  readonly takeTurn = keyQueue();
  /** Resolves when it was committed, or will never be. */
  readonly over: Promise<void>;
  /** Our own writes of items that it writes once, by their keys. */
  readonly #own = new Map<string, TransactWriteItem>();
  readonly #settle: () => void;
  #hasEnded = false;
  readonly #parts: TableParts;
  readonly #onLateUse: OnLateUse | undefined;

  constructor(parts: TableParts, onLateUse: OnLateUse | undefined) {
    this.#parts = parts;
    this.#onLateUse = onLateUse;
    const { promise, resolve } = Promise.withResolvers<void>();
    [this.over, this.#settle] = [promise, resolve];
  }

  /** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no transaction of this store. */
  static from(transaction: unknown): CollectedTransaction {
    if (transaction instanceof CollectedTransaction) return transaction;
    const expected = "the transaction that a handler of a DynamoDB store is given";
    throw invalidOptionError("transaction", expected, transaction === null ? "null" : typeof transaction);
  }

  /** From now on it takes no more writes. */
  end(): void {
    this.#hasEnded = true;
  }

  /** It is committed, or will never be. */
  settle(): void {
    this.end();
    this.#settle();
  }

  put(Put: Put): void {
    this.add({ Put });
  }

  update(Update: Update): void {
    this.add({ Update });
  }

  delete(Delete: Delete): void {
    this.add({ Delete });
  }

  check(ConditionCheck: ConditionCheck): void {
    this.add({ ConditionCheck });
  }

  async get(read: Get): Promise<{ Item?: Item }> {
    this.enter();
    const { output } = await this.#parts.connection.send("GetItem", { ...read, ConsistentRead: true });
    this.enter();
    return output.Item === undefined ? {} : { Item: output.Item };
  }

  /** @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end of its work. */
  enter(): void {
    if (this.#hasEnded) throw lateUse(this.#onLateUse);
  }

  add(write: TransactWriteItem): void {
    this.enter();
    const [target] = Object.values(write) as (Put | undefined)[];
    if (typeof target?.TableName !== "string") {
      throw invalidOptionError("write", "an object with a TableName, as TransactWriteItems takes it", target);
    }
    // As it is now: what the handler does with it later is not meant.
    this.#append(structuredClone(write));
  }

  /** Adds a write of ours, in the place of an earlier one of the same item: DynamoDB takes none twice. @param pk the item's key. */
  addOwn(pk: string, write: TransactWriteItem): void {
    this.enter();
    const before = this.#own.get(pk);
    if (before === undefined) this.#append(write);
    else this.writes[this.writes.indexOf(before)] = write;
    this.#own.set(pk, write);
  }

  /** Whether a write is ours, and no handler knows its condition. */
  isOwn(write: TransactWriteItem): boolean {
    return [...this.#own.values()].includes(write);
  }

  #append(write: TransactWriteItem): void {
    if (this.writes.length === writesMax) {
      throw invalidOptionError(
        "writes of the handler",
        `${writesMax} at most, since DynamoDB commits no more together`,
        "more",
      );
    }
    this.writes.push(write);
  }
}

/** The messages that a transaction has added to an ordering key of an outbox. */
export interface NextSequence {
  /** The key of its item, and its part of positions. */
  readonly pk: string;
  readonly lane: string;
  readonly orderingKey: string;
  /** The number of its newest message when it was read; `undefined`: there was no such key. */
  readonly before: number | undefined;
  /** The numbers of the first and of the newest message that were added. */
  readonly first: number;
  readonly sequence: number;
}

/** The operations of a store that commits key, effect and answer together. */
type TransactionalOperations = Pick<
  Required<TransactionalStore<DynamodbTransaction>>,
  "transact" | "transactStep" | "transactUnkeyed" | "moveMark"
>;

type Work<Value> = (transaction: DynamodbTransaction) => Promise<TransactionEnding<Value>>;

/**
 * Transactional mode. The work collects its writes, and one TransactWriteItems commits them on the condition that the key is free. So
 * there is no lease and no clock, and nothing is ever unknown: after a lost answer the same transaction is sent again, and the key's owner says
 * which of them was committed.
 *
 * @param claimMs for how long a handler has its key before another may run it, milliseconds; 0: duplicates run beside each other.
 */
export function transactionalOperations(
  parts: TableParts,
  leased: Pick<AsyncStore, "claim" | "release">,
  claimMs: number,
): TransactionalOperations {
  const { connection } = parts;
  const opening = claimMs > 0 ? claimedKeys(leased, claimMs) : freeKeys(parts);

  /** Runs work until its transaction is committed, or something says that it need not be. */
  const untilCommitted = async <Answer>(
    onLateUse: OnLateUse | undefined,
    run: (transaction: CollectedTransaction) => Promise<RunEnd<Answer>>,
  ): Promise<Answer> => {
    for (let runs = 1; ; runs += 1) {
      const transaction = new CollectedTransaction(parts, onLateUse);
      try {
        const end = await run(transaction);
        if ("answer" in end) return end.answer;
        checkAgain(end.refusal, transaction, runs);
      } finally {
        transaction.settle();
      }
      await connection.pause(runs);
    }
  };
  return {
    transact: (request, work, onLateUse) =>
      untilCommitted(onLateUse, async (transaction) => {
        const owner = crypto.randomUUID();
        const opened = await opening.open(request, owner);
        return "answer" in opened
          ? { answer: opened.answer }
          : transactOnce(parts, { request, owner, opened, opening }, () => collect(transaction, work));
      }),
    transactUnkeyed: (work, onLateUse) =>
      untilCommitted(onLateUse, async (transaction) => {
        const { ending, writes } = await collect(transaction, work);
        if (ending.keep !== "commit" || writes.length === 0) return { answer: ending.value };
        // Nothing but the token says that it was committed, where the answer was lost and the client sends it again.
        const input = { TransactItems: writes, ClientRequestToken: crypto.randomUUID() };
        const sent = connection.sendIf("TransactWriteItems", input);
        const end = await sent.catch((error: unknown) => {
          throw isMistake(error) ? refusedError("DynamoDB refuses the handler's writes", error) : error;
        });
        return "refusal" in end ? { refusal: end.refusal } : { answer: ending.value };
      }),
    transactStep: (request, work, onLateUse) =>
      untilCommitted<Uint8Array | undefined>(onLateUse, (transaction) =>
        stepOnce(parts, request, async () => {
          const step = async () => ({ keep: "commit", result: await work(transaction), value: undefined }) as const;
          const { ending, writes } = await collect(transaction, step);
          return { result: ending.result, writes };
        }),
      ),
    async moveMark(transaction, request): Promise<MarkAnswer> {
      return moveMark(parts, CollectedTransaction.from(transaction), request);
    },
  };
}

/** How one run of the work ended: with its answer, or it is to be run again. */
type RunEnd<Answer> = { readonly answer: Answer } | { readonly refusal: ConditionRefusal };

/** Runs work, and collects its writes. */
async function collect<Value>(transaction: CollectedTransaction, work: Work<Value>) {
  try {
    return { ending: await work(transaction), writes: transaction.writes };
  } finally {
    transaction.end();
  }
}

/** One run of an operation on its open key. */
interface OpenRun {
  readonly request: TransactionRequest;
  readonly owner: string;
  readonly opened: OpenKey;
  readonly opening: Opening;
}

async function transactOnce<Value>(
  parts: TableParts,
  { request, owner, opened, opening }: OpenRun,
  run: () => Promise<{ ending: TransactionEnding<Value>; writes: readonly TransactWriteItem[] }>,
): Promise<RunEnd<TransactionAnswer<Value>>> {
  let isOver = false;
  try {
    const { ending, writes } = await run();
    const answer = { kind: "executed", value: ending.value } as const;
    if (ending.keep === "rollback") return { answer };
    checkResult(ending.result);
    const pk = itemKey(parts.prefix, request);
    const now = parts.time.now()!;
    const record = doneRecord(request, ending.result, { owner, fence: opened.fence, now });
    const item = recordItem(pk, request, record, 1);
    const first = { Put: { ...putOf(parts.table, item, opened.place(item, now)), ...showsOld } };
    const end = await commit(parts, first, ending.keep === "commit" ? writes : []);
    // An answer was lost: what is there is ours.
    isOver = "done" in end || isOurs(end.keyItem, owner);
    if (!isOver && "refusal" in end) return { refusal: end.refusal };
    // By what this host slept, the answer would expire too early.
    if (end.time.isPast(now)) await stampAnswer(parts, { ...request, owner });
    return { answer };
  } finally {
    if (!isOver) await opening.giveBack(request, owner);
  }
}

/** Where it can't be written, the answer expires as much too early as this host slept: all is committed, and no error says otherwise. */
async function stampAnswer(parts: TableParts, request: TransactionRequest & { readonly owner: string }): Promise<void> {
  for (let tries = 1; tries <= sendsMax; tries += 1) {
    const isStamped = await stampEnd(parts, request).then(
      () => true,
      () => false,
    );
    if (isStamped) return;
    await parts.connection.pause(tries);
  }
}

function isOurs(keyItem: Item | undefined, owner: string): boolean {
  const record = readItem(keyItem)?.record;
  return record?.state === "done" && record.owner === owner;
}

async function stepOnce(
  parts: TableParts,
  request: StepRequest,
  run: () => Promise<{ result: Uint8Array; writes: readonly TransactWriteItem[] }>,
): Promise<RunEnd<Uint8Array | undefined>> {
  const pk = itemKey(parts.prefix, request);
  const { stored, now } = await readSeen(parts, pk);
  const early = stepEnd(stored?.record, request, now.earliest);
  if (early !== undefined) return early;
  const { result, writes } = await run();
  const update = updateOf(parts.table, {
    pk,
    update: "SET #cp.#step = :result ADD #v :one",
    condition: `${isOwned} AND attribute_not_exists(#cp.#step)`,
    values: { ...ownedValues(request, parts.time.now()!), ":result": bytes(result) },
    names: { "#step": stepAttribute(request.step) },
  });
  const first = { Update: { ...update, ...showsOld } };
  const end = await commit(parts, first, writes);
  if ("done" in end) return { answer: result };
  const late = end.keyItem && stepEnd(readItem(end.keyItem)?.record, request, now.earliest);
  return late ?? { refusal: end.refusal };
}

/** How a commit ended: it is there, or why not. `keyItem`: what the key's condition met. */
type CommitEnd = { readonly time: AnswerTime } & (
  | { readonly done: true }
  | { readonly keyItem: Item | undefined; readonly refusal: ConditionRefusal }
);

/** Sends a transaction, again while its answers are lost: `first` has the condition that it was not committed before. */
async function commit(
  { connection }: TableParts,
  first: TransactWriteItem,
  writes: readonly TransactWriteItem[],
): Promise<CommitEnd> {
  const input = { TransactItems: [first, ...writes], ClientRequestToken: crypto.randomUUID() };
  for (let sends = 1; ; sends += 1) {
    try {
      const answer = await connection.sendIf("TransactWriteItems", input);
      if (!("refusal" in answer)) return { done: true, time: answer.time };
      const { refusal, time } = answer;
      const { Code: code, Item = {} } = refusal.CancellationReasons?.[0] ?? {};
      return { keyItem: code === "ConditionalCheckFailed" ? Item : undefined, refusal, time };
    } catch (error) {
      if (isMistake(error)) throw refusedError("DynamoDB refuses the handler's writes", error);
      if (sends === sendsMax) throw error;
      await connection.pause(sends);
    }
  }
}

/** How a key is opened for one run of the work, and given back where nothing was committed. */
interface Opening {
  open(request: TransactionRequest, owner: string): Promise<Opened>;
  giveBack(request: TransactionRequest, owner: string): Promise<void>;
}

/** Reads the key. The transaction's condition is that it stays so. */
function freeKeys(parts: TableParts): Opening {
  return {
    async open(request, owner) {
      const { stored, now } = await readSeen(parts, itemKey(parts.prefix, request));
      const claim = { kind: "claim", ...request, owner, leaseMs: 0 } as const;
      const { answer } = transition(stored?.record, claim, now.earliest);
      if (answer.kind !== "acquired") return { answer };
      const place = (item: Item, at: TimeInterval): Condition =>
        stored === undefined ? freeCondition(item, owner, at) : sameCondition(stored);
      return { fence: stored?.fence ?? 0, place };
    },
    giveBack: async () => undefined,
  };
}

/** Takes the key for a time, after which it is free again: nothing is written under it but by the commit, which needs it. */
function claimedKeys(leased: Pick<AsyncStore, "claim" | "release">, claimMs: number): Opening {
  return {
    async open(request, owner) {
      const answer = await leased.claim({ ...request, owner, leaseMs: claimMs, heldRetentionMs: claimMs });
      if (answer.kind !== "acquired") return { answer };
      const values = { ":owner": text(owner), ":running": text("running") };
      return { fence: answer.fence, place: () => ({ condition: "#owner = :owner AND #st = :running", values }) };
    },
    async giveBack(request, owner) {
      // Where it can't be given back, it is free when its time is over.
      await leased.release({ ...request, owner }).catch(() => false);
    },
  };
}

/** A key that is open for one run of the work. */
interface OpenKey {
  /** The highest fence that was given for the key. */
  readonly fence: number;
  /** The condition that the key is still free, or this run's. @param item what is put there, @param now and when. */
  readonly place: (item: Item, now: TimeInterval) => Condition;
}

/** A key that is open, or the answer of one that is not free. */
type Opened = OpenKey | { readonly answer: Exclude<ClaimAnswer, { kind: "acquired" }> };

/** The end of a step that need not run: it was stored before, or the operation is no longer this owner's; else `undefined`. */
function stepEnd(
  record: KeyRecord | undefined,
  { owner, step }: StepRequest,
  now: number,
): { answer: Uint8Array | undefined } | undefined {
  if (record?.owner !== owner || record.state === "done" || isExpired(record, now)) return { answer: undefined };
  return Object.hasOwn(record.checkpoints, step) ? { answer: record.checkpoints[step] } : undefined;
}

function doneRecord(
  { fingerprint, retentionMs, details }: TransactionRequest,
  result: Uint8Array,
  { owner, fence, now }: { readonly owner: string; readonly fence: number; readonly now: { readonly latest: number } },
): KeyRecord {
  return {
    state: "done",
    fingerprint,
    owner,
    attempt: 1,
    fence: Math.max(now.latest, fence + 1),
    leaseUntil: now.latest,
    checkpoints: {},
    result,
    createdAt: now.latest,
    expiresAt: Math.ceil(now.latest + retentionMs),
    ...(details && { details }),
  };
}

/** Moves a mark, within a transaction that is not committed yet. */
async function moveMark(
  { prefix, table }: TableParts,
  transaction: CollectedTransaction,
  request: MarkRequest,
): Promise<MarkAnswer> {
  const { scope, key, position, storedAt } = request;
  // No prefix of a store has this sign in it.
  const pk = hashedKey(`${prefix}#marks`, [scope, key]);
  const { Item: found } = await transaction.get({ TableName: table, Key: { pk: text(pk) } });
  const stored = found && {
    position: Number(found["position"]?.N),
    storedAt: found["stored"] && Number(found["stored"].N),
  };
  const last = transaction.marks.get(pk) ?? stored;
  if (last !== undefined && last.position >= position) {
    return { kind: "behind", position: last.position, storedAt: last.storedAt };
  }
  const item: Item = {
    pk: text(pk),
    name: text(JSON.stringify([scope, key])),
    position: number(position),
    ...(storedAt !== undefined && { stored: number(storedAt) }),
  };
  const condition = "attribute_not_exists(#pk) OR #position < :position";
  const write = { Put: putOf(table, item, { condition, values: { ":position": number(position) } }) };
  transaction.addOwn(pk, write);
  transaction.marks.set(pk, request);
  return { kind: "moved" };
}

/** Reasons that another transaction, or a limit, has: running again helps. */
const passing: ReadonlySet<string> = new Set([
  "None",
  "ConditionalCheckFailed",
  "TransactionConflict",
  "ThrottlingError",
  "ProvisionedThroughputExceeded",
]);

/** @throws OnceAgainError where running the work again does not help, or was tried often enough. */
function checkAgain(refusal: ConditionRefusal, transaction: CollectedTransaction, runs: number): void {
  const codes = (refusal.CancellationReasons ?? []).map(({ Code = "None" }) => Code);
  if (!codes.every((code) => passing.has(code)))
    throw refusedError(`The transaction was cancelled (${codes.join(", ")})`, refusal);
  if (runs < runsMax) return;
  // The key comes first, where there is one.
  const before = codes.length - transaction.writes.length;
  const failed = transaction.writes.findIndex(
    (write, index) => codes[before + index] === "ConditionalCheckFailed" && !transaction.isOwn(write),
  );
  if (failed < 0) throw conflictsError();
  throw refusedError(`The condition of the handler's write ${failed + 1} failed in each of ${runs} runs`, refusal);
}

/** Whether DynamoDB would refuse the same again. */
function isMistake(error: unknown): boolean {
  return error instanceof Error && error.name === "ValidationException";
}

function refusedError(problem: string, cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    `${problem}; nothing was executed. Read what a condition is about with transaction.get in the handler, which is run again, and answer ` +
      "there what is to be answered. The cause has DynamoDB's own words.",
    { cause },
  );
}
