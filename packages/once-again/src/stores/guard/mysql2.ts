import process from "node:process";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { OnceAgainError } from "../../core/errors.ts";
import type { OnLateUse } from "../store.ts";
import { TransactionGuard } from "./guard.ts";

/** The guard of a transaction in MariaDB, which also knows when the server has rolled it back by itself. */
export class MariadbGuard extends TransactionGuard {
  readonly #rollsBack: (error: unknown) => boolean;
  #isRolledBack = false;

  /** @param rollsBack whether the server rolls the whole transaction back with this error. */
  constructor(isolation: string, onLateUse: OnLateUse | undefined, rollsBack: (error: unknown) => boolean) {
    super("mariadb", isolation, onLateUse);
    this.#rollsBack = rollsBack;
  }

  /** Whether the server rolled the transaction back over a failure. Nothing was sent after that. */
  get isRolledBack(): boolean {
    return this.#isRolledBack;
  }

  /**
   * @throws OnceAgainError `ONCE_OPERATION_ENDED` after the end; `ONCE_HANDLER_FAILED` when the server has rolled the
   *   transaction back, since what came after would be committed by itself.
   */
  override enter(): void {
    super.enter();
    if (!this.#isRolledBack) return;
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The statement was not sent: the server has rolled the transaction back for another's sake. Let errors of " +
        "statements through, and the handler runs again.",
    );
  }

  /** Looks whether a statement's failure took the transaction with it. */
  noteFailure(error: unknown): void {
    if (this.#rollsBack(error)) this.#isRolledBack = true;
  }

  /** The error for a method that would take the connection from the store. */
  refusal(method: string, instead = "Leave it out."): OnceAgainError {
    return new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      `${method} was refused: the connection is the store's, and goes on after this operation. ${instead}`,
    );
  }
}

/** The part of a connection of `mysql2` with callbacks, inside of one with promises, that we use. */
export interface CallbackConnection extends EventEmitter {
  query(statement: unknown, values?: unknown, callback?: unknown): EventEmitter;
  execute(statement: unknown, values?: unknown, callback?: unknown): EventEmitter;
  ping(callback?: unknown): void;
  unprepare(statement: unknown): unknown;
  format(statement: string, values?: unknown): string;
  escape(value: unknown): string;
  escapeId(value: unknown): string;
  readonly config: unknown;
  readonly threadId: unknown;
  readonly stream?: { readonly destroyed?: boolean };
}

/** The parts of a handler's connection that send nothing: the same with promises and with callbacks. */
class HeldConnection extends EventEmitter {
  readonly #callbacks: CallbackConnection;
  readonly #guard: MariadbGuard;

  constructor(callbacks: CallbackConnection, guard: MariadbGuard) {
    super();
    this.#callbacks = callbacks;
    this.#guard = guard;
  }

  /** The connection is the operation's until it ends, even if it is given back before: pools do after each query. */
  release(): void {}
  destroy(): void {}
  close(): void {}
  pause(): void {}
  resume(): void {}

  unprepare(statement: unknown): unknown {
    this.#guard.enter();
    return this.#callbacks.unprepare(statement);
  }

  format(statement: string, values?: unknown): string {
    return this.#callbacks.format(statement, values);
  }

  escape(value: unknown): string {
    return this.#callbacks.escape(value);
  }

  escapeId(value: unknown): string {
    return this.#callbacks.escapeId(value);
  }

  get config(): unknown {
    return this.#callbacks.config;
  }

  get threadId(): unknown {
    return this.#callbacks.threadId;
  }
}

/** The part of a connection of `mysql2/promise` that we use. */
type PromiseConnection = {
  query(statement: unknown, values?: unknown): Promise<unknown>;
  execute(statement: unknown, values?: unknown): Promise<unknown>;
  ping(): Promise<unknown>;
  readonly connection: CallbackConnection;
};

const ignore = (): void => undefined;

/**
 * The handler's connection: the PoolConnection of `mysql2/promise`, as far as it does not end its transaction, until the
 * operation has ended. `connection` is the same with callbacks.
 */
export class GuardedPromiseConnection extends HeldConnection {
  readonly #connection: PromiseConnection;
  readonly #guard: MariadbGuard;
  #callbacks: GuardedConnection | undefined;

  constructor(given: object, guard: MariadbGuard) {
    const connection = given as PromiseConnection;
    super(connection.connection, guard);
    this.#connection = connection;
    this.#guard = guard;
  }

  get connection(): GuardedConnection {
    return (this.#callbacks ??= new GuardedConnection(this.#connection.connection, this.#guard));
  }

  query(statement: MysqlStatement, values?: unknown): Promise<unknown> {
    return this.#send("query", statement, values);
  }

  execute(statement: MysqlStatement, values?: unknown): Promise<unknown> {
    return this.#send("execute", statement, values);
  }

  async beginTransaction(): Promise<void> {
    await this.query("START TRANSACTION");
  }

  async commit(): Promise<void> {
    await this.query("COMMIT");
  }

  async rollback(): Promise<void> {
    await this.query("ROLLBACK");
  }

  async ping(): Promise<unknown> {
    this.#guard.enter();
    return this.#connection.ping();
  }

  async end(): Promise<void> {}
  async connect(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  async changeUser(): Promise<never> {
    throw this.#guard.refusal("changeUser()");
  }

  async reset(): Promise<never> {
    throw this.#guard.refusal("reset()");
  }

  async prepare(): Promise<never> {
    throw this.#guard.refusal("prepare()", "Use execute(), which prepares too.");
  }

  #send(method: "query" | "execute", statement: MysqlStatement, values: unknown): Promise<unknown> {
    let texts: readonly string[] | undefined;
    try {
      texts = this.#guard.admit(textOf(statement));
    } catch (error) {
      const rejection = Promise.reject(error);
      // Who does not wait for it need not lose the process: a late use is reported to `onError`.
      rejection.catch(ignore);
      return rejection;
    }
    const [first, ...others] = texts ?? [];
    // A savepoint can't be prepared, and needs no values.
    const answer =
      first === undefined
        ? this.#connection[method](statement, values)
        : this.#connection.query(withText(statement, first));
    for (const text of others) this.#connection.query(text).catch(ignore);
    return answer.catch((error: unknown) => {
      this.#guard.noteFailure(error);
      throw error;
    });
  }
}

/** A statement of `mysql2`: a text, or an object with the text and how to run it. */
export type MysqlStatement = string | { readonly sql: string };

type Callback = (error: Error | null, ...answer: unknown[]) => void;

/**
 * The connection with callbacks that Kysely and Knex take: `transaction.connection`. Its statements are the transaction's
 * until the operation has ended.
 */
export class GuardedConnection extends HeldConnection {
  readonly #connection: CallbackConnection;
  readonly #guard: MariadbGuard;

  constructor(connection: CallbackConnection, guard: MariadbGuard) {
    super(connection, guard);
    this.#connection = connection;
    this.#guard = guard;
  }

  query(statement: MysqlStatement, values?: unknown, callback?: Callback): EventEmitter {
    return this.#send("query", statement, values, callback);
  }

  execute(statement: MysqlStatement, values?: unknown, callback?: Callback): EventEmitter {
    return this.#send("execute", statement, values, callback);
  }

  beginTransaction(callback?: Callback): EventEmitter {
    return this.query("START TRANSACTION", callback);
  }

  commit(callback?: Callback): EventEmitter {
    return this.query("COMMIT", callback);
  }

  rollback(callback?: Callback): EventEmitter {
    return this.query("ROLLBACK", callback);
  }

  ping(callback?: Callback): void {
    try {
      this.#guard.enter();
    } catch (error) {
      return process.nextTick(callback ?? ignore, error);
    }
    this.#connection.ping(callback);
  }

  end(callback?: Callback): void {
    if (callback !== undefined) process.nextTick(callback, null);
  }

  connect(callback?: Callback): void {
    this.end(callback);
  }

  changeUser(...parameters: unknown[]): void {
    this.#refuse("changeUser()", parameters);
  }

  reset(...parameters: unknown[]): void {
    this.#refuse("reset()", parameters);
  }

  prepare(...parameters: unknown[]): void {
    this.#refuse("prepare()", parameters, "Use execute(), which prepares too.");
  }

  /** Whether it is closed; Knex asks before each statement. */
  get stream(): { readonly destroyed: boolean } {
    return { destroyed: this.#connection.stream?.destroyed === true };
  }

  #send(
    method: "query" | "execute",
    statement: MysqlStatement,
    values: unknown,
    callback: Callback | undefined,
  ): EventEmitter {
    const onResult = (typeof values === "function" ? values : callback) as Callback | undefined;
    let texts: readonly string[] | undefined;
    try {
      texts = this.#guard.admit(textOf(statement));
    } catch (error) {
      return refused(error as Error, onResult);
    }
    const parameters = typeof values === "function" ? undefined : values;
    const [first, ...others] = texts ?? [];
    // A savepoint can't be prepared, and needs no values.
    const sent =
      first === undefined
        ? this.#connection[method](statement, parameters, this.#noting(onResult))
        : this.#connection.query(withText(statement, first), undefined, this.#noting(onResult));
    if (onResult === undefined) sent.on("error", (error) => this.#guard.noteFailure(error));
    for (const text of others) this.#connection.query(text, undefined, ignore);
    return sent;
  }

  #noting(onResult: Callback | undefined): Callback | undefined {
    if (onResult === undefined) return undefined;
    return (error, ...answer) => {
      if (error) this.#guard.noteFailure(error);
      onResult(error, ...answer);
    };
  }

  #refuse(method: string, parameters: readonly unknown[], instead?: string): void {
    const callback = parameters.find((value) => typeof value === "function") as Callback | undefined;
    const error = this.#guard.refusal(method, instead);
    if (callback === undefined) throw error;
    process.nextTick(callback, error);
  }
}

/** The statement that is sent; `undefined` where it does not say. */
export function textOf(statement: MysqlStatement): string | undefined {
  const text: unknown = typeof statement === "string" ? statement : statement?.sql;
  return typeof text === "string" ? text : undefined;
}

/** The same with another text. */
export function withText(statement: MysqlStatement, text: string): MysqlStatement {
  return typeof statement === "string" ? text : { ...statement, sql: text };
}

/** Answers a statement that is not sent as `mysql2` answers one that fails. */
function refused(error: Error, callback: Callback | undefined): EventEmitter {
  const command = Object.assign(new EventEmitter(), {
    // The stream passes the error to its reader, which is enough.
    stream: () =>
      new Readable({
        objectMode: true,
        read() {
          this.destroy(error);
        },
      }),
  });
  process.nextTick(() => {
    if (callback !== undefined) callback(error);
    else if (command.listenerCount("error") > 0) command.emit("error", error);
  });
  return command;
}
