import { EventEmitter } from "node:events";
import type { MysqlConnection } from "./client.ts";
import {
  type CallbackConnection,
  GuardedConnection,
  type MysqlStatement,
  textOf,
  withText,
} from "./guarded-connection.ts";
import type { MariadbGuard } from "./mariadb-guard.ts";

/** What is used of a connection of `mysql2/promise`. */
type PromiseConnection = Omit<MysqlConnection, "query"> & {
  query(statement: unknown, values?: unknown): Promise<unknown>;
  execute(statement: unknown, values?: unknown): Promise<unknown>;
  ping(): Promise<unknown>;
  readonly connection: CallbackConnection;
};

const ignore = (): void => undefined;

/**
 * What a handler is given: the PoolConnection of `mysql2/promise`, as far as it does not end its transaction, until the
 * operation has ended. `connection` is the same with callbacks.
 */
export class GuardedPromiseConnection extends EventEmitter {
  readonly #connection: PromiseConnection;
  readonly #guard: MariadbGuard;
  #callbacks: GuardedConnection | undefined;

  constructor(connection: MysqlConnection, guard: MariadbGuard) {
    super();
    this.#connection = connection as unknown as PromiseConnection;
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

  /** The connection is the operation's until it ends, whoever gives it back. */
  release(): void {}
  destroy(): void {}
  close(): void {}
  pause(): void {}
  resume(): void {}
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

  unprepare(statement: unknown): unknown {
    return this.connection.unprepare(statement);
  }

  format(statement: string, values?: unknown): string {
    return this.connection.format(statement, values);
  }

  escape(value: unknown): string {
    return this.connection.escape(value);
  }

  escapeId(value: unknown): string {
    return this.connection.escapeId(value);
  }

  get config(): unknown {
    return this.connection.config;
  }

  get threadId(): unknown {
    return this.connection.threadId;
  }

  #send(method: "query" | "execute", statement: MysqlStatement, values: unknown): Promise<unknown> {
    let texts: readonly string[] | undefined;
    try {
      texts = this.#guard.admit(textOf(statement));
    } catch (error) {
      const refused = Promise.reject(error);
      // Who does not wait for it need not lose the process: a late use is reported to `onError`.
      refused.catch(ignore);
      return refused;
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
