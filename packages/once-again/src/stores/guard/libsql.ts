import type { OnLateUse } from "../store.ts";
import { TransactionGuard } from "./guard.ts";

/** A statement of `@libsql/client`. */
export type LibsqlStatement = string | { readonly sql: string; readonly args?: unknown } | readonly [string, unknown?];

/** The part of a transaction of `@libsql/client` that a store uses; its own `Transaction` fits. */
export interface LibsqlTransaction {
  execute(statement: never, values?: never): Promise<{ readonly rows: readonly unknown[] }>;
  batch(statements: never): Promise<unknown>;
  executeMultiple(text: string): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Rolls back what is not committed. */
  close(): void;
  readonly closed: boolean;
}

/** The handler's transaction: that of `@libsql/client`, as far as it does not end it, until the operation has ended. */
export class GuardedLibsqlTransaction {
  readonly #transaction: LibsqlTransaction;
  readonly #guard: TransactionGuard;

  constructor(transaction: LibsqlTransaction, onLateUse: OnLateUse | undefined) {
    this.#transaction = transaction;
    this.#guard = new TransactionGuard("sqlite", undefined, onLateUse);
  }

  execute(statement: LibsqlStatement, values?: unknown): Promise<unknown> {
    return handled(this.#execute(statement, values));
  }

  batch(statements: readonly LibsqlStatement[]): Promise<unknown[]> {
    return handled(this.#batch(statements));
  }

  executeMultiple(text: string): Promise<void> {
    return handled(this.#executeMultiple(text));
  }

  async commit(): Promise<void> {
    await this.execute("COMMIT");
  }

  async rollback(): Promise<void> {
    await this.execute("ROLLBACK");
  }

  /** It is the operation's until that ends, even if it is closed before. */
  close(): void {}

  get closed(): boolean {
    return this.#guard.hasEnded || this.#transaction.closed;
  }

  /** From now on every use is refused. */
  end(): void {
    this.#guard.end();
  }

  async #execute(statement: LibsqlStatement, values?: unknown): Promise<unknown> {
    const [first, ...others] = this.#guard.admit(textOf(statement)) ?? [];
    const send = this.#transaction.execute.bind(this.#transaction) as (...sent: unknown[]) => Promise<unknown>;
    if (first === undefined) return values === undefined ? send(statement) : send(statement, values);
    const answer = await send(first);
    for (const text of others) await send(text);
    return answer;
  }

  async #batch(statements: readonly LibsqlStatement[]): Promise<unknown[]> {
    const answers: unknown[] = [];
    for (const statement of statements) {
      const [text, values] = Array.isArray(statement) ? (statement as [LibsqlStatement, unknown?]) : [statement];
      answers.push(await this.#execute(text, values));
    }
    return answers;
  }

  async #executeMultiple(text: string): Promise<void> {
    for (const part of this.#guard.admit(text) ?? [text]) await this.#transaction.executeMultiple(part);
  }
}

function textOf(statement: LibsqlStatement): string | undefined {
  const text: unknown = typeof statement === "string" ? statement : (statement as { sql?: unknown } | null)?.sql;
  return typeof text === "string" ? text : undefined;
}

/** A caller that does not wait for it need not lose the process: a late use is reported to `onError`. */
function handled<Value>(answer: Promise<Value>): Promise<Value> {
  answer.catch(() => undefined);
  return answer;
}
