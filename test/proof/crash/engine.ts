import type { Store, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import type { ServerBinary } from "../../support/servers/binary.ts";
import type { AwsProxy } from "../../support/servers/aws-proxy.ts";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import type { Effect, Mode } from "./evidence.ts";

/** A session of an operator at a database. */
export interface Session extends AsyncDisposable {
  run(statement: string): Promise<unknown>;
}

/** An act of an operator by statements: for a while, or again and again. */
export type Operation =
  | { readonly held: readonly string[] }
  /** A change that outlives the session that made it, and is undone for certain. */
  | { readonly done: readonly string[]; readonly undo: readonly string[] }
  | { readonly repeated: string };

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
  readonly name: string;
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
    /** A pair of it behind one port, of which an operator promotes the standby. */
    startPair?(within?: string): Promise<PrivateServer & { promote(): Promise<void> }>;
    /** A pooler in front of it. */
    readonly pooler?: { readonly binary: ServerBinary; start(port: number): Promise<PrivateServer> };
    /** A proxy that has its requests throttled. */
    throttled?(url: string): Promise<AwsProxy>;
    /** Whether it takes nothing more after its disk was full, until it is started anew. */
    readonly stopsWhenFull?: boolean;
  };
  /** How an operator speaks to it, and what for; missing where nothing can be said. */
  readonly operator?: {
    session(url: string): Promise<Session>;
    /** @param standbys its `synchronous_standby_names`. */
    operations(standbys: string): Readonly<Record<string, Operation>>;
    /** Makes it need room at once, which it may have in files that it writes anew. */
    readonly roomTaking?: string;
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
