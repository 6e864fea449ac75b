import { EventEmitter } from "node:events";
import process from "node:process";
import { Readable } from "node:stream";
import type { MariadbGuard } from "./mariadb-guard.ts";

/** A statement of `mysql2`: a text, or an object with the text and how to run it. */
export type MysqlStatement = string | { readonly sql: string };

type Callback = (error: Error | null, ...answer: unknown[]) => void;

/** What is used of a connection of `mysql2` with callbacks, which is inside of one with promises. */
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

const ignore = (): void => undefined;

/**
 * The connection with callbacks that Kysely and Knex take: `transaction.connection`. Its statements are the transaction's
 * until the operation has ended.
 */
export class GuardedConnection extends EventEmitter {
  readonly #connection: CallbackConnection;
  readonly #guard: MariadbGuard;

  constructor(connection: CallbackConnection, guard: MariadbGuard) {
    super();
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

  /** The connection is the operation's until it ends, whoever gives it back: pools do after each query. */
  release(): void {}
  destroy(): void {}
  close(): void {}
  pause(): void {}
  resume(): void {}

  end(callback?: Callback): void {
    if (callback !== undefined) process.nextTick(callback, null);
  }

  connect(callback?: Callback): void {
    this.end(callback);
  }

  changeUser(...given: unknown[]): void {
    this.#refuse("changeUser()", given);
  }

  reset(...given: unknown[]): void {
    this.#refuse("reset()", given);
  }

  prepare(...given: unknown[]): void {
    this.#refuse("prepare()", given, "Use execute(), which prepares too.");
  }

  unprepare(statement: unknown): unknown {
    this.#guard.enter();
    return this.#connection.unprepare(statement);
  }

  format(statement: string, values?: unknown): string {
    return this.#connection.format(statement, values);
  }

  escape(value: unknown): string {
    return this.#connection.escape(value);
  }

  escapeId(value: unknown): string {
    return this.#connection.escapeId(value);
  }

  get config(): unknown {
    return this.#connection.config;
  }

  get threadId(): unknown {
    return this.#connection.threadId;
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
    const heard = (typeof values === "function" ? values : callback) as Callback | undefined;
    let texts: readonly string[] | undefined;
    try {
      texts = this.#guard.admit(textOf(statement));
    } catch (error) {
      return refused(error as Error, heard);
    }
    const given = typeof values === "function" ? undefined : values;
    const [first, ...others] = texts ?? [];
    // A savepoint can't be prepared, and needs no values.
    const sent =
      first === undefined
        ? this.#connection[method](statement, given, this.#noting(heard))
        : this.#connection.query(withText(statement, first), undefined, this.#noting(heard));
    if (heard === undefined) sent.on("error", (error) => this.#guard.noteFailure(error));
    for (const text of others) this.#connection.query(text, undefined, ignore);
    return sent;
  }

  #noting(heard: Callback | undefined): Callback | undefined {
    if (heard === undefined) return undefined;
    return (error, ...answer) => {
      if (error) this.#guard.noteFailure(error);
      heard(error, ...answer);
    };
  }

  #refuse(method: string, given: readonly unknown[], instead?: string): void {
    const callback = given.find((value) => typeof value === "function") as Callback | undefined;
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
    // Its reader hears of the error, and so need nobody else.
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
