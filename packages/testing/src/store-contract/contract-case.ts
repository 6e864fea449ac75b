import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { RecordName, Store } from "once-again/stores";
import type { FakeClock } from "../fake-clock.ts";

/** One rule of a contract, ready for any test runner: `test(name, run)`. */
export interface ContractCase {
  readonly name: string;
  /**
   * Tries the rule. It opens what it needs, and closes it again. Run the cases one after the other.
   *
   * @throws AssertionError (of node:assert) that says which rule was broken, with what was expected and what came;
   *   whatever the store throws.
   */
  readonly run: () => Promise<void>;
}

/** The clock by which a store decides, where a test can move it: a `fakeClock()` that the store was given. */
export type StoreClock = Pick<FakeClock, "now" | "advance">;

/** How a contract comes by the stores it tries. */
export interface StoreContractOptions {
  /**
   * Opens a connection to the records of this name (up to 20 of a-z, 0-9 and _, first a letter). A new name has no
   * records yet; a name that was given before leads to the same records over one more connection.
   *
   * Make it a file's name, a prefix of tables or keys, a bucket. The contract calls `close()` on each store; whatever
   * else was opened with it is yours to close.
   */
  open(records: string): Promise<Store> | Store;
  /**
   * Breaks a record of these records, as no store writes it: sets its attempt to 0, past the store. Default: that is not
   * tried.
   */
  breakRecord?(records: string, name: RecordName): Promise<unknown>;
  /** Default: time can't be moved, so some cases wait for a moment, and none asks to the millisecond. */
  readonly clock?: StoreClock | undefined;
  /**
   * How much longer than asked for a lease or a retention may last, milliseconds: what the store does not know of the time. Default 0.
   */
  readonly clockDoubtMs?: number | undefined;
  /** Whether `purge` removes expired records; default true. `false` where the server removes them by itself. */
  readonly purges?: boolean | undefined;
  /** Repeats the random histories of an earlier run; default new ones each time. A failure says its seed. */
  readonly seed?: number | string | undefined;
}

/** The store and clock that one case of the store contract works on. */
export interface StoreRuleContext {
  /** A connection to records that are empty when the case begins. */
  readonly store: Store;
  /** The name of the records. */
  readonly records: string;
  /** Opens one more connection to the same records. */
  connect(): Promise<Store>;
  /** The store's clock, where a test can move it. */
  readonly clock: StoreClock | undefined;
  /** Lets at least `ms` milliseconds pass on the store's clock. */
  pass(ms: number): Promise<void>;
  readonly clockDoubtMs: number;
  readonly seed: number | string;
}

/** The largest result that is tried, bytes: the store's bound, or 1 MiB where it has none, or one beyond 16 MiB. */
export function largestResult({ resultBytesMax = Infinity }: { readonly resultBytesMax?: number | undefined }): number {
  return resultBytesMax > 16_777_216 ? 1_048_576 : resultBytesMax;
}

/** A rule of the store contract. */
export interface StoreRule {
  readonly name: string;
  try(context: StoreRuleContext): Promise<void>;
}

/** How much longer than asked for the contract waits in real time: clocks are read in whole milliseconds. */
const slackMs = 20;

/** Makes a case of a rule: it opens a new store for each run, and closes all of its connections in the end. */
export function caseOf(rule: StoreRule, options: StoreContractOptions): ContractCase {
  const { clock, clockDoubtMs = 0 } = options;
  return {
    name: rule.name,
    async run() {
      const records = `contract_${randomUUID().slice(0, 8)}`;
      const stores: Store[] = [];
      const connect = async (): Promise<Store> => {
        const store = await options.open(records);
        stores.push(store);
        return store;
      };
      try {
        await rule.try({
          store: await connect(),
          records,
          connect,
          clock,
          pass: (ms) => clock?.advance(ms) ?? setTimeout(ms + slackMs + clockDoubtMs),
          clockDoubtMs,
          seed: options.seed ?? randomUUID(),
        });
      } finally {
        await Promise.allSettled(stores.map((store) => store.close()));
      }
    },
  };
}
