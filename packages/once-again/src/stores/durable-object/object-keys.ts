import type { ErrorCode } from "../../core/error-codes.ts";
import { type ErrorDetails, OnceAgainError } from "../../core/errors.ts";
import { TransactionGuard } from "../guard/guard.ts";
import { checkListRequest } from "../list-records.ts";
import { rowTooLargeError } from "../sql/row-size.ts";
import { keysSchema, keyTable, type KeyTable, type PrepareStatement } from "../sql/sqlite-keys.ts";
import type {
  Acquired,
  ClaimAnswer,
  ClaimRequest,
  InspectedRecord,
  KeyRecord,
  ListRequest,
  RecordName,
} from "../store.ts";
import { inspectRecord, isExpired, type Operation, storedNever, transition } from "../transition.ts";
import type { ObjectSql, ObjectStorage } from "./client.ts";

/** A question to an object, without the number of objects. */
export type StoreQuestion =
  | { readonly method: "apply"; readonly operation: Operation }
  | { readonly method: "inspect"; readonly name: RecordName }
  | { readonly method: "list"; readonly request: ListRequest }
  /** Answers the number of objects that the first such call set. */
  | { readonly method: "pin" };

/** A call of the store, as it travels to its object. */
export type StoreCall = StoreQuestion & {
  /** Over how many objects the caller spreads its keys. */
  readonly shards: number;
};

/** Its answer: checkpoints travel as pairs, since a name may be `__proto__`, and errors as data, which keeps their code. */
export type StoreReply =
  | { readonly answer: unknown }
  /** Nothing was done: the object belongs to another number of objects, or to none yet. */
  | { readonly pinned: number | null }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails } };

/** The key of an effect in an object. */
export type KeyedEffect = Pick<ClaimRequest, "scope" | "key" | "fingerprint" | "retentionMs">;

/** How many expired records one alarm removes, and how long the next waits at least, milliseconds. */
const purgeMax = 1000;
const purgePauseMs = 60_000;
/** How many expired results a new one removes. An alarm would take the place of the retry of the object's own, when that throws. */
const purgeByEffectMax = 10;

/** The number of objects that this one is one of. */
const shardsSchema = `CREATE TABLE IF NOT EXISTS once_again_shards (
  one INTEGER PRIMARY KEY CHECK (one = 1), shards INTEGER NOT NULL) STRICT`;

/** The keys in the storage of one object. */
export class ObjectKeys {
  readonly #storage: ObjectStorage;
  readonly #table: KeyTable;

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
    this.#makeTables();
    this.#table = keyTable(prepareOn(this.#storage.sql));
  }

  #makeTables(): void {
    this.#storage.transactionSync(() => {
      for (const statement of [...keysSchema.split(";"), shardsSchema]) {
        if (statement.trim() !== "") this.#storage.sql.exec(statement);
      }
    });
  }

  #transact<Value>(work: () => Value): Value {
    try {
      return this.#storage.transactionSync(work);
    } catch (error) {
      // The object's own class called `deleteAll()`, which takes the tables, too, and makes no new object.
      if (!String(error).includes("no such table: once_again_")) throw error;
      this.#makeTables();
      return this.#storage.transactionSync(work);
    }
  }

  /**
   * Runs an effect on the storage unless its key has a record, and stores its result, all in one transaction.
   *
   * @param effect returns the bytes that are stored.
   * @returns `undefined` when it ran; else why it did not.
   */
  runOnce(
    { scope, key, fingerprint, retentionMs }: KeyedEffect,
    effect: (sql: ObjectSql) => Uint8Array,
  ): Exclude<ClaimAnswer, Acquired> | undefined {
    const claim = { kind: "claim", scope, key, fingerprint, owner: "", leaseMs: 0, retentionMs } as const;
    return this.#transact(() => {
      const now = Date.now();
      const { record, answer } = transition(this.#table.read(claim), claim, now);
      if (answer.kind !== "acquired") return answer;
      const result = runEffect(this.#storage.sql, effect);
      const done = transition(record, { ...claim, kind: "complete", result }, now).record;
      this.#table.write(claim, done!);
      this.#table.purge({ limit: purgeByEffectMax }, now);
      return undefined;
    });
  }

  async purge(): Promise<void> {
    const now = Date.now();
    const purged = this.#transact(() => this.#table.purge({ limit: purgeMax }, now));
    if (purged === purgeMax) return this.#storage.setAlarm(now);
    const { next } = this.#storage.sql
      .exec("SELECT min(expires_at) AS next FROM once_again_keys WHERE expires_at < ?", storedNever)
      .one();
    if (typeof next === "number") await this.#planPurge(next);
  }

  reply(call: StoreCall): StoreReply {
    try {
      return this.#reply(call);
    } catch (error) {
      if (!OnceAgainError.isInstance(error)) throw error;
      return { error: { code: error.code, message: error.message, details: error.details } };
    }
  }

  #reply(call: StoreCall): StoreReply {
    const pinned = this.#pinned();
    if (call.method === "pin") return { answer: pinned ?? this.#pin(call.shards) };
    // One that belongs to no number has no records. A list asks every object, the first among them, which belongs to one.
    if (pinned === null && call.method === "list") return { answer: [] };
    return pinned === call.shards ? { answer: this.#answer(call) } : { pinned };
  }

  #pinned(): number | null {
    const [row] = this.#transact(() => this.#storage.sql.exec("SELECT shards FROM once_again_shards").toArray());
    return row === undefined ? null : Number(row["shards"]);
  }

  #pin(shards: number): number {
    this.#storage.sql.exec("INSERT INTO once_again_shards VALUES (1, ?)", shards);
    return shards;
  }

  #answer(call: Exclude<StoreQuestion, { method: "pin" }>): unknown {
    switch (call.method) {
      case "apply":
        return this.#apply(call.operation);
      case "inspect": {
        const now = Date.now();
        const record = this.#table.read(call.name);
        return record === undefined || isExpired(record, now)
          ? undefined
          : withPairs(inspectRecord(call.name, record, now));
      }
      case "list": {
        const limit = checkListRequest(call.request);
        return this.#table.list({ ...call.request, limit }, Date.now()).map(withPairs);
      }
    }
  }

  #apply(operation: Operation): unknown {
    const { answer, expiresAt } = this.#transact(() => {
      const stored = this.#table.read(operation);
      const { record, answer } = transition(stored, operation, Date.now());
      if (record === undefined) this.#table.remove(operation);
      else if (record !== stored) this.#write(operation, record);
      return { answer, expiresAt: record === stored ? undefined : record?.expiresAt };
    });
    // Without it, the next record plans an alarm.
    if (expiresAt !== undefined && expiresAt < storedNever) void this.#planPurge(expiresAt);
    if (typeof answer === "boolean" || answer.kind !== "acquired") return answer;
    return { ...answer, checkpoints: Object.entries(answer.checkpoints) };
  }

  /** @throws OnceAgainError `ONCE_RESULT_TOO_LARGE`. */
  #write(name: RecordName, record: KeyRecord): void {
    try {
      this.#table.write(name, record);
    } catch (error) {
      throw rowTooLargeError(error) ?? error;
    }
  }

  /** Plans an alarm, unless one is planned for about then, or before: it will plan the next. */
  async #planPurge(expiresAt: number): Promise<void> {
    const at = Math.max(expiresAt, Date.now() + purgePauseMs);
    const planned = await this.#storage.getAlarm();
    // A record that expires late would keep the others from being removed before. Each move is a write, so it is not moved for less.
    if (planned === null || planned > at + purgePauseMs) await this.#storage.setAlarm(at);
  }
}

/** The driver's side of `keyTable`: blobs come as ArrayBuffers. */
function prepareOn(sql: ObjectSql): PrepareStatement {
  const shown = (value: unknown): unknown => (value instanceof ArrayBuffer ? new Uint8Array(value) : value);
  return (text) => ({
    all: (...values) =>
      sql
        .exec(text, ...values)
        .toArray()
        .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]))),
  });
}

/** Runs an effect, and lets it have no SQL after that: what is executed later is in no transaction. */
function runEffect(sql: ObjectSql, effect: (sql: ObjectSql) => Uint8Array): Uint8Array {
  const guard = new TransactionGuard("sqlite", undefined, undefined);
  try {
    return effect({
      exec(...given) {
        guard.enter();
        return sql.exec(...given);
      },
    });
  } finally {
    guard.end();
  }
}

function withPairs(inspected: InspectedRecord) {
  const { record } = inspected;
  return { ...inspected, record: { ...record, checkpoints: Object.entries(record.checkpoints) } };
}
