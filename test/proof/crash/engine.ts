import type { Store, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import type { ServerBinary } from "../../support/servers/binary.ts";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import type { Effect, Mode } from "./evidence.ts";

export const engineNames = ["postgres", "sqlite", "mariadb", "redis", "nats", "dynamodb"] as const;
export type EngineName = (typeof engineNames)[number];

/** Effects in the table of a database, which may write one twice. */
export interface EffectsTable<Transaction> {
  readonly store: TransactionalStore<Transaction>;
  add(transaction: Transaction, effect: Effect): unknown;
  read(): Promise<Effect[]>;
}

/** A connection to the store of keys. */
export interface OpenKeys {
  readonly store: Store;
  /** In engines with transactions. */
  readonly effects?: EffectsTable<unknown>;
  /** Makes the tables. */
  prepare(): Promise<void>;
  /** How many clients are connected to the server, of all processes; missing without a server, or where it does not say. */
  connections?(): Promise<number>;
  close(): Promise<void>;
}

/** By mode. */
type Questions = Readonly<Partial<Record<Mode, string>>>;

/** Longer than a process stands still, so that a store that was only not looked at is not taken for a lost one. */
export const busyMsMax = 4000;
export const connectionsMax = 8;

/** The store of keys, and in transactional mode of effects. */
export interface CrashEngine {
  readonly name: EngineName;
  readonly modes: readonly Mode[];
  /** Whether work is run again when its commit was lost; default true. `false`: the writes that it collected are sent again. */
  readonly runsAgain?: boolean;
  /** Missing where keys are in a file. */
  readonly server?: {
    readonly binary: ServerBinary;
    /** @param within the folder for its data; default that for temporary files. */
    start(within?: string): Promise<PrivateServer>;
    /** A text in a request for a key, so that its answer can be cut off; missing where none can be. */
    readonly claiming: Questions;
    /** The same of a request to keep a result. */
    readonly completing: Questions;
  };
  /**
   * @param url the server's, perhaps through a proxy, or the path of the file.
   * @param role who asks; default the audit.
   */
  open(url: string, role?: KeysRole): Promise<OpenKeys>;
}

/** Who asks for keys: a server that has to answer in time, or the audit, which waits for however long a slow place takes. */
export type KeysRole =
  | {
      readonly by: "server";
      /** A standby may be promoted, so that a replay waits for it. */
      readonly hasStandby: boolean;
    }
  | { readonly by: "audit" };

/** A table of effects, in SQL that every database takes. Its rows are not unique. */
export const effectsTable = {
  create: "CREATE TABLE IF NOT EXISTS effects (effect varchar(40), order_name varchar(40), life varchar(40))",
  insert: "INSERT INTO effects (effect, order_name, life) VALUES",
  select: 'SELECT effect, order_name AS "order", life FROM effects',
};
