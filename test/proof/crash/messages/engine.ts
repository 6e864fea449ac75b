import type { OutboxStore } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import type { TransactionalStore } from "../../../../packages/once-again/src/stores/store.ts";
import type { ServerBinary } from "../../../support/servers/binary.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";

export const engineNames = ["postgres", "mariadb", "sqlite"] as const;
export type EngineName = (typeof engineNames)[number];

/** How a transaction ends that its work came to the end of. */
export type TransactionEnd = "commit" | "rollback";

/** A connection to the database of the shop: its tables, its outbox, and the records of its inboxes. */
export interface ShopDatabase<Transaction = unknown> {
  readonly outbox: OutboxStore<Transaction>;
  readonly inboxStore: TransactionalStore<Transaction>;
  /** Runs work in a separate transaction. An error, also of the commit, closes its connection. */
  transact(work: (transaction: Transaction) => Promise<TransactionEnd>): Promise<void>;
  /** Runs a statement with `?` for its parameters, in a transaction. */
  run(transaction: Transaction, statement: string, values: readonly (string | null)[]): unknown;
  /** The rows of a query. */
  read<Row>(query: string): Promise<Row[]>;
  /** Makes the tables of outbox and inbox, and runs these statements. */
  prepare(statements: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Where the shop has its tables. */
export interface MessagesEngine {
  readonly name: EngineName;
  /** The type of a column that counts by itself. */
  readonly position: string;
  /** How many transactions a writer has open at a time. */
  readonly transactionsMax: number;
  /** Missing where the database is a file. */
  readonly server?: {
    readonly binary: ServerBinary;
    start(): Promise<PrivateServer>;
    /** A text in a relay's request to remove confirmed messages, and in no other request of it. */
    readonly removing: string;
  };
  /** @param url the server's, perhaps through a proxy, or the path of the file. */
  open(url: string): Promise<ShopDatabase>;
}
