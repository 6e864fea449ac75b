import type { Clock } from "../../packages/once-again/src/core/clock.ts";
import type { StoreKit } from "../../packages/once-again/src/stores/kit.ts";
import type { RecordName, Store, TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import type { CrashEngine } from "../proof/crash/engine.ts";
import type { Mode } from "../proof/crash/evidence.ts";
import type { FailoverEngine } from "../proof/failover/engine.ts";
import type { ServerBinary } from "../support/servers/binary.ts";

/** A server that was started for a test. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

/** A server that speaks the store's protocol. */
export interface TestedServer {
  readonly title: string;
  /** Missing where it is a package of npm. */
  readonly binary?: ServerBinary;
  /** @param within the folder for its data; default that for temporary files. */
  start(within?: string): Promise<RunningServer>;
  /** Suites that run on it; default all. A cluster beside the same server alone is dear. */
  readonly onlyFor?: readonly SuiteName[];
  /** Whether it is slow, so that the contract runs by the exact clock alone. */
  readonly isSlow?: boolean;
  /** The variable that has the URL of a server that runs already (compose.env); missing where it has no such server. */
  readonly variable?: string;
}

/**
 * Opens one more connection to the records of a name; what they need (tables, a bucket) is made. Its `close` ends all that
 * was opened.
 *
 * @param place the server's URL, or the folder of files.
 */
export type OpenRecords = (place: string, records: string, options?: OpenOptions) => Promise<Store>;

export interface OpenOptions {
  readonly connectionsMax?: number;
}

/** A store in a new database, beside a table `effects (name)` in it. */
export interface OwnDatabase<Transaction> extends AsyncDisposable {
  readonly store: TransactionalStore<Transaction>;
  /** Opens one more connection to the same keys. */
  open(): Promise<TransactionalStore<Transaction>>;
  execute(transaction: Transaction, statement: string): unknown;
  effects(): Promise<unknown[]> | unknown[];
}

/** The part that needs the drivers: loaded by the suites that use them, and not by each child process of a proof. */
export interface StoreParts {
  /** The clients that users have, by name. The first is the one that suites take which need one alone. */
  readonly clients: Readonly<Record<string, OpenRecords>>;
  /** A store with a server that seems to have another clock. */
  readonly onClock: (place: string, records: string, clock: Clock) => Promise<Store>;
  /** Sets a record's attempt to 0, past the store. */
  readonly breakRecord?: (place: string, records: string, name: RecordName) => Promise<unknown>;
  /** In transactional mode, for the suites of transactions that the kit does not leave out. @param client one of `clients`. */
  readonly ownDatabase?: (place: string, client: string) => Promise<OwnDatabase<never>>;
  /** Removes what a suite has left on a server that goes on. */
  readonly clean?: (place: string, records: ReadonlySet<string>) => Promise<void>;
  /** Clients as their libraries make them, which do not connect, with the advice that a store of others gives to each. */
  readonly mistaken: () => Readonly<
    Record<string, { readonly client: unknown; readonly advice: string; close?(): unknown }>
  >;
  /** Calls the store's own function. */
  readonly make: (client: unknown, options?: object) => unknown;
}

/** A suite that goes over all stores. */
interface Suite {
  readonly title: string;
  /** A condition on the store; missing: no condition. */
  readonly needs?: { readonly what: string; readonly has: (tested: TestedStore) => boolean };
}

const isTransactional = {
  what: "transactional mode",
  has: ({ kit }: TestedStore) => (kit.modes as readonly string[]).includes("transactional"),
};
const hasServer = { what: "a server", has: ({ servers }: TestedStore) => servers.length > 0 };

/** Every suite that goes over stores. */
export const suites = {
  contract: { title: "storeContract()" },
  transactions: { title: "transactionContract()", needs: isTransactional },
  inbox: { title: "inboxContract(), leased" },
  "inbox-transactional": { title: "inboxContract(), transactional", needs: isTransactional },
  verify: { title: "verify, leased and sealed" },
  "verify-transactional": { title: "verify, transactional", needs: isTransactional },
  crash: { title: "crash, hold" },
  "crash-transactional": { title: "crash, transactional", needs: isTransactional },
  questions: { title: "texts at the wire", needs: hasServer },
  operators: { title: "faults by operators" },
  failover: { title: "failover", needs: hasServer },
  clock: { title: "a clock that was set back" },
  programs: { title: "programs" },
  given: { title: "given servers", needs: hasServer },
  misuse: { title: "another's client is refused" },
} as const satisfies Readonly<Record<string, Suite>>;

export type SuiteName = keyof typeof suites;

/** A store as the suites know it: data, and ways to what needs a driver. */
export interface TestedStore {
  readonly kit: StoreKit;
  /** Missing programs skip what needs them. None: it is in this process, or in a file. */
  readonly servers: readonly TestedServer[];
  readonly parts: () => Promise<StoreParts>;
  /** Limits that the contract has to know. */
  readonly contract?: {
    /** How much longer than asked for a lease may last by the server's own clock, milliseconds. */
    readonly clockDoubtMs?: number;
    /** `false`: the server removes expired records by itself. */
    readonly purges?: boolean;
    /** Cases that make no sense here, with the reason. */
    readonly not?: Readonly<Record<string, string>>;
    /** `false`: one transaction at a time. */
    readonly parallel?: boolean;
  };
  readonly crash?: {
    /** Loaded by each process that is killed, without the parts. */
    readonly engine: () => Promise<CrashEngine>;
    /** Names of the faults by operators that it may have. */
    readonly operations: readonly string[];
    /** The runs of `npm test`: each mode, and whether operators are at work. Default each mode, with operators. */
    readonly runs?: readonly { readonly mode: Mode; readonly operators: boolean; readonly traced?: boolean }[];
  };
  /** How many programs at random `npm test` tries, by mode, and by what becomes of unknown outcomes. */
  readonly programs?: { readonly leased?: number; readonly looked?: number; readonly transactional?: number };
  readonly failover?: () => Promise<FailoverEngine>;
  /** Suites that can't run here, with the reason for readers of docs/tested.md. */
  readonly without: Readonly<Partial<Record<SuiteName, string>>>;
}

/** Those of some stores that a suite runs on. */
export const storesOf = (suite: SuiteName, stores: readonly TestedStore[]): readonly TestedStore[] =>
  stores.filter((tested) => verdictOf(suite, tested) === "runs");

/** Whether a suite runs on a store, or the reason why not. */
export function verdictOf(name: SuiteName, tested: TestedStore): "runs" | { readonly reason: string } {
  const { needs }: Suite = suites[name];
  if (needs !== undefined && !needs.has(tested)) return { reason: `needs ${needs.what}` };
  const reason = tested.without[name];
  return reason === undefined ? "runs" : { reason };
}
