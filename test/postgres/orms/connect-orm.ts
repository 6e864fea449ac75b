import type { Pool, PoolClient } from "pg";
import type { ErrorCode } from "../../../packages/once-again/src/core/error-codes.ts";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import type { OrmTransactions } from "../../../packages/once-again/src/stores/postgres/index.ts";

/** An ORM that is connected to a database. */
export interface ConnectedOrm<Transaction> {
  readonly transactions: OrmTransactions<Transaction>;
  /** The text by which the ORM commits; default `COMMIT`. */
  readonly commitText?: string;
  /** Runs a statement in a transaction that a handler was given, and returns its rows. */
  execute(transaction: Transaction, statement: string): Promise<readonly unknown[]>;
  /** Runs a statement on any connection. */
  statement(statement: string): Promise<unknown>;
  /** A transaction of the ORM inside a transaction, which its work may leave by a throw. */
  nested(transaction: Transaction, work: (nested: Transaction) => Promise<void>): Promise<unknown>;
  /** Runs work in a transaction of the caller's own. */
  transact<Value>(work: (transaction: Transaction) => Promise<Value>): Promise<Value>;
  /** Takes a connection from the ORM's pool. */
  lend(): Promise<LentConnection>;
  close(): Promise<unknown>;
}

/** A connection of an ORM's pool. */
export interface LentConnection {
  query(statement: string): Promise<{ readonly rows: unknown[] }>;
  release(): void;
}

/** How an ORM is connected. */
export interface OrmConnecting {
  readonly connectionsMax?: number | undefined;
  /** The name of its sessions in the server. */
  readonly name?: string | undefined;
  /** Is given each warning of the server, with its code. */
  onNotice?(code: string): void;
}

/** Listens to the warnings of the server on each connection of a pool. */
export function hearNotices(pool: Pick<Pool, "on">, { onNotice }: OrmConnecting): void {
  if (onNotice !== undefined) pool.on("connect", (client: PoolClient) => hearNoticesOn(client, onNotice));
}

/** Listens to the warnings of the server on one connection. */
export function hearNoticesOn(client: Pick<PoolClient, "on">, onNotice: (code: string) => void): void {
  client.on("notice", ({ code }) => onNotice(code ?? ""));
}

/** The error of the library that an ORM has wrapped. */
export function unwrapped(error: unknown): unknown {
  const { original, code, message } = error as { original?: unknown; code?: string; message: string };
  if (OnceAgainError.isInstance(original)) return original;
  return code?.startsWith("ONCE_") === true ? new OnceAgainError(code as ErrorCode, message) : error;
}

/** Connects an ORM to a database. */
export type ConnectOrm<Transaction> = (url: string, options?: OrmConnecting) => Promise<ConnectedOrm<Transaction>>;
