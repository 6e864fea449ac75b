import type { OutboxStore } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import type { SqlStore } from "../../../../packages/once-again/src/stores/sql/options.ts";

/** A pool of the user's, through a proxy, with the store and the outbox on it. */
export interface OpenedPool {
  readonly store: SqlStore<unknown>;
  readonly outbox: OutboxStore<never>;
  /** Runs a statement in the transaction that a handler was given. */
  execute(transaction: unknown, statement: string): Promise<unknown>;
  /** The same transaction as an outbox takes it. */
  outboxTransaction(transaction: unknown): unknown;
  /** A statement of the user's on any connection of the pool. */
  userStatement(statement: string): Promise<unknown>;
  /** A transaction of the user's; missing where the driver can't have one on a connection that may be lost. */
  readonly userTransaction?:
    | ((
        work: (execute: (statement: string) => Promise<unknown>, transaction: unknown) => Promise<void>,
      ) => Promise<void>)
    | undefined;
  /** `onceWithin` in a transaction of the user's; missing where the store has no such thing. */
  onceWithin?(transaction: unknown, key: string, work: () => Promise<Uint8Array>): Promise<{ kind: string }>;
  /** Takes every connection of the pool, runs the statement on each, and gives them back; missing where the driver forgets some. */
  readonly onEach?: ((statement: string) => Promise<readonly unknown[][]>) | undefined;
  close(): Promise<unknown>;
}

/** How a pool is opened for a round. */
export interface PoolOptions {
  readonly port: number;
  /** Distinguishes its sessions in the server. */
  readonly name: string;
  readonly connectionsMax: number;
  readonly busyMsMax: number;
  /** Whether connections are cut. */
  readonly isCut: boolean;
  /** Is given each warning of the server, with its code. */
  onNotice(code: string): void;
}

/** A server with the store's tables and a table of effects. */
export interface PoolGround extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** How often bytes come on a connection before it may be cut. */
  readonly cutsFrom: number;
  open(options: PoolOptions): Promise<OpenedPool>;
  /** A statement of the server that takes so long, milliseconds. */
  sleep(ms: number): string;
  /** Asks for a connection's session: the same text for each that is as a pool has it. */
  readonly sessionState: string;
  /** The effects with such a beginning, and the keys that are done, as they are seen from outside. */
  seen(beginning: string): Promise<{ readonly effects: ReadonlySet<string>; readonly done: ReadonlySet<string> }>;
  /** The transactions and locks that sessions of a pool have left open in the server. */
  leftOpen(name: string): Promise<readonly string[]>;
  /** Why a user's statement must not have failed so; `undefined` where it may. */
  userBreach(error: unknown): string | undefined;
  /** Whether an error is what a handler's own statement was to be answered with. */
  isHandlersFault(error: unknown): boolean;
  /** Whether a statement was cancelled. */
  isCancelled(error: unknown): boolean;
  /** Whether an error says that a connection was lent that was not as it should be. */
  isBroken(error: unknown): boolean;
}
