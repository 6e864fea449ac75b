import {
  type AggregateOptions,
  type ApplyChangesetOptions,
  type CreateSessionOptions,
  type DatabaseLimits,
  DatabaseSync,
  type FunctionOptions,
  type PrepareOptions,
  type Session,
  type SQLInputValue,
  type SQLOutputValue,
  type SQLTagStore,
  type StatementSync,
} from "node:sqlite";
import { OnceAgainError } from "../../core/errors.ts";
import { transactionControls } from "../sql/transaction-control.ts";
import { ControlStatement } from "./control-statement.ts";
import { GuardedSession } from "./guarded-session.ts";
import { GuardedStatement } from "./guarded-statement.ts";
import { GuardedTagStore } from "./guarded-tag-store.ts";
import type { SqliteGuard } from "./sqlite-guard.ts";

type SqlFunction = (...values: SQLOutputValue[]) => SQLInputValue;

/**
 * What a handler is given of the store's connection: a `DatabaseSync` as long as the operation lasts, and of no use
 * afterwards. A real one can be neither proxied nor taken back.
 */
export class SqliteTransaction implements DatabaseSync {
  readonly #guard: SqliteGuard;

  constructor(guard: SqliteGuard) {
    this.#guard = guard;
  }

  get isOpen(): boolean {
    return !this.#guard.hasEnded;
  }

  get isTransaction(): boolean {
    return !this.#guard.hasEnded && this.#guard.database.isTransaction;
  }

  get limits(): DatabaseLimits {
    return this.#alive().limits;
  }

  exec(sql: string): void {
    this.#guard.exec(sql);
  }

  prepare(sql: string, options?: PrepareOptions): StatementSync {
    const database = this.#alive();
    if (transactionControls(sql, "sqlite").length > 0) return new ControlStatement(this.#guard, sql);
    return new GuardedStatement(this.#guard, options ? database.prepare(sql, options) : database.prepare(sql));
  }

  function(name: string, options: FunctionOptions | SqlFunction, body?: SqlFunction): void {
    const database = this.#alive();
    if (typeof options === "function") database.function(name, options);
    else database.function(name, options, body!);
  }

  aggregate<Value extends SQLInputValue>(name: string, options: AggregateOptions<Value>): void {
    this.#alive().aggregate(name, options);
  }

  location(name?: string): string | null {
    const database = this.#alive();
    return name === undefined ? database.location() : database.location(name);
  }

  serialize(name?: string): NodeJS.NonSharedUint8Array {
    const database = this.#alive();
    return name === undefined ? database.serialize() : database.serialize(name);
  }

  createTagStore(sizeMax = 1000): SQLTagStore {
    this.#guard.enter();
    return new GuardedTagStore(this, sizeMax);
  }

  createSession(options?: CreateSessionOptions): Session {
    const database = this.#alive();
    return new GuardedSession(this.#guard, options ? database.createSession(options) : database.createSession());
  }

  applyChangeset(changeset: Uint8Array, options?: ApplyChangesetOptions): boolean {
    const database = this.#alive();
    return options ? database.applyChangeset(changeset, options) : database.applyChangeset(changeset);
  }

  enableLoadExtension(allow: boolean): void {
    this.#alive().enableLoadExtension(allow);
  }

  loadExtension(path: string, entryPoint?: string): void {
    const database = this.#alive();
    if (entryPoint === undefined) database.loadExtension(path);
    else database.loadExtension(path, entryPoint);
  }

  enableDefensive(active: boolean): void {
    this.#alive().enableDefensive(active);
  }

  open(): never {
    return this.#refuse("open()");
  }

  close(): never {
    return this.#refuse("close()");
  }

  [Symbol.dispose](): never {
    return this.#refuse("[Symbol.dispose]()");
  }

  deserialize(): never {
    return this.#refuse("deserialize()");
  }

  setAuthorizer(): never {
    return this.#refuse("setAuthorizer()");
  }

  #alive(): DatabaseSync {
    this.#guard.enter();
    return this.#guard.database;
  }

  #refuse(method: string): never {
    this.#guard.enter();
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      `${method} was refused: the connection is the store's, and goes on after this operation. Leave it out.`,
    );
  }
}

// For code that asks whether it was given a `DatabaseSync`. Methods of a later Node that are not above throw.
Object.setPrototypeOf(SqliteTransaction.prototype, DatabaseSync.prototype);
