import type { Clock } from "once-again";
import type { Awaitable, TransactionEnding } from "once-again/internal";
import type { AsyncStore, ClaimAnswer, Store, TransactionalStore } from "once-again/stores";
import { memoryStore } from "once-again/stores/memory";
import type { PageProcess } from "./page-process.ts";

/** A row of the ledger. */
export interface Charge {
  readonly caller: string;
  readonly orderId: string;
  /** In minor units of the currency. */
  readonly amount: number;
  readonly currency: string;
}

/** The transaction in which a handler writes its charge. */
export interface ChargeTransaction {
  charge(row: Charge): void;
}

/** Does a step of the database for a process, unless the process dies right before. */
export type DatabaseStep = <Value>(
  name: "claimed" | "stored",
  work: () => Awaitable<Value>,
  isDone?: (value: Value) => boolean,
) => Promise<Value>;

/** The keys and the ledger of the page's server. They outlive the server's processes, as a disk does. */
export interface PageDatabase {
  /** The committed rows, the oldest first. */
  readonly charges: readonly Charge[];
  readonly keys: Store;
  storeOf(process: PageProcess, step: DatabaseStep): TransactionalStore<ChargeTransaction>;
  /** Adds a row that commits by itself. */
  add(row: Charge): void;
  /** Rolls back the transactions that a dead process had open. Returns how many there were. */
  rollBack(): number;
}

/** A transaction has its key for as long as it is open, milliseconds. */
const lockMs = 10 * 365 * 86_400_000;

/** The library's memory store with a table beside it: a transaction commits a key and its rows together, or neither. */
export function pageDatabase(clock: Clock): PageDatabase {
  const keys = memoryStore({ clock });
  const charges: Charge[] = [];
  /** Ends each open transaction when its process has died. */
  const open = new Set<() => void>();

  const storeOf: PageDatabase["storeOf"] = (process, step) => ({
    ...storeForProcess(keys, process),
    claim: (request) => step("claimed", () => keys.claim(request), isAcquired),
    complete: (request) => step("stored", () => keys.complete(request)),
    async transact(request, work) {
      const lock = { scope: request.scope, key: request.key, owner: crypto.randomUUID() };
      const release = (): void => void keys.release(lock);
      const begin = async (): Promise<ClaimAnswer> => {
        const answer = await keys.claim({ ...request, owner: lock.owner, leaseMs: lockMs });
        if (answer.kind === "acquired") open.add(release);
        return answer;
      };
      const claim = await step("claimed", begin, isAcquired);
      if (claim.kind !== "acquired") return claim;
      const rows: Charge[] = [];
      const end = async (keep: TransactionEnding<unknown>["keep"], result: Uint8Array): Promise<void> => {
        open.delete(release);
        if (keep === "rollback") return void (await keys.release(lock));
        if (keep === "commit") charges.push(...rows);
        await keys.complete({ ...lock, result, retentionMs: request.retentionMs });
      };
      const ending = await work({ charge: (row) => void rows.push(row) }).catch(async (error: unknown) => {
        await process.reach(() => end("rollback", new Uint8Array()));
        throw error;
      });
      await step("stored", () => end(ending.keep, ending.result));
      return { kind: "executed", value: ending.value };
    },
    async transactUnkeyed(work) {
      const rows: Charge[] = [];
      const forget = (): void => undefined;
      open.add(forget);
      const { keep, value } = await work({ charge: (row) => void rows.push(row) });
      return step("stored", () => {
        open.delete(forget);
        if (keep === "commit") charges.push(...rows);
        return value;
      });
    },
    transactStep: () => Promise.reject(new Error("The page's handlers have no steps.")),
  });
  return {
    charges,
    keys,
    storeOf,
    add: (row) => void charges.push(row),
    rollBack() {
      const { size } = open;
      for (const end of open) end();
      open.clear();
      return size;
    },
  };
}

const isAcquired = ({ kind }: ClaimAnswer): boolean => kind === "acquired";

/** A store as one process sees it: a dead process reaches nothing. */
function storeForProcess(store: Store, process: PageProcess): AsyncStore {
  return {
    survivesFailover: store.survivesFailover,
    claim: (request) => process.reach(() => store.claim(request)),
    complete: (request) => process.reach(() => store.complete(request)),
    renew: (request) => process.reach(() => store.renew(request)),
    release: (request) => process.reach(() => store.release(request)),
    checkpoint: (request) => process.reach(() => store.checkpoint(request)),
    inspect: (name) => process.reach(() => store.inspect(name)),
    list: (request) => process.reach(() => store.list(request)),
    resolve: (request) => process.reach(() => store.resolve(request)),
    purge: (request) => process.reach(() => store.purge(request)),
    close: async () => undefined,
  };
}
