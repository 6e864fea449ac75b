import { OnceAgainError } from "../../core/errors.ts";
import { type Listener, notify } from "../../core/listener.ts";
import { invalidOptionError } from "../../core/options.ts";
import {
  type BrowserGlobals,
  type IdbDatabase,
  type IdbObjectStore,
  type IdbRequest,
  type IndexedDbFactory,
  resultOf,
} from "./client.ts";

/** An event of the database of intents in a browser, which no call of the store reports. */
export type IndexedDbEvent =
  /**
   * The browser did not promise to keep this site's data: a private window, or a site that its user does not know yet. It may
   * remove it, and the intents with it, when the disk is full, when the window is closed, or (Safari) after a week.
   */
  | { readonly type: "evictable" }
  /** The database was removed while we had it open: the user cleared this site's data, or the browser evicted it. */
  | { readonly type: "removed" }
  /** A page with a newer version of this library has the database now. This page stores nothing more: reload it. */
  | { readonly type: "outdated" }
  /** Another page has the database open and does not let go of it, so that it can't be brought up to date: close it. */
  | { readonly type: "blocked" };

/** The version of the database's schema. */
const version = 1;
const stores = ["intents", "clock"] as const;

/** The object stores of a transaction. */
export interface OpenStores {
  readonly intents: IdbObjectStore;
  readonly clock: IdbObjectStore;
}

/** A database that is opened when it is first needed, and again when it was closed under us. */
export interface IndexedDbConnection {
  /**
   * Runs work in one transaction. It resolves when that has committed, with strict durability; it rejects when nothing of it
   * was stored. The work may wait for requests of this transaction alone.
   *
   * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE`, `ONCE_INTENTS_FULL` when there is no room, `ONCE_OPTION_INVALID` for another's database.
   */
  transact<Value>(mode: "readonly" | "readwrite", work: (stores: OpenStores) => Promise<Value>): Promise<Value>;
  close(): void;
}

export function indexedDbConnection(
  name: string,
  factory: IndexedDbFactory | undefined,
  { askToPersist, onEvent }: { askToPersist: boolean; onEvent: Listener<IndexedDbEvent> | undefined },
): IndexedDbConnection {
  let opening: Promise<IdbDatabase> | undefined;
  let isClosed = false;
  let isAsked = !askToPersist;

  const ask = async (): Promise<void> => {
    isAsked = true;
    const { navigator } = globalThis as BrowserGlobals;
    const isPersistent = await navigator?.storage?.persist?.().catch(() => false);
    if (isPersistent === false) notify(onEvent, { type: "evictable" });
  };
  const open = async (): Promise<IdbDatabase> => {
    const database = await openDatabase(name, factory, () => notify(onEvent, { type: "blocked" }));
    const forget = (type: "removed" | "outdated"): void => {
      // Another page waits until this connection is gone, and its intents are safe there.
      database.close();
      opening = undefined;
      notify(onEvent, { type });
    };
    database.addEventListener("versionchange", ({ newVersion }) =>
      forget(newVersion === null ? "removed" : "outdated"),
    );
    database.addEventListener("close", () => forget("removed"));
    if (isClosed) database.close();
    else if (!isAsked) void ask();
    return database;
  };
  const connect = async (): Promise<IdbDatabase> => {
    if (isClosed) throw new OnceAgainError("ONCE_CLOSED", "This store of intents is closed.");
    const attempt = (opening ??= open());
    try {
      return await attempt;
    } catch (error) {
      if (opening === attempt) opening = undefined;
      throw error;
    }
  };
  return {
    async transact(mode, work) {
      const database = await connect();
      try {
        return await transact(database, mode, work);
      } catch (error) {
        throw storeError(name, error);
      }
    },
    close() {
      isClosed = true;
      void opening?.then((database) => database.close()).catch(() => undefined);
    },
  };
}

async function openDatabase(
  name: string,
  factory: IndexedDbFactory | undefined,
  onBlocked: () => void,
): Promise<IdbDatabase> {
  const idb = factory ?? (globalThis as BrowserGlobals).indexedDB;
  if (idb === undefined)
    throw unavailable("there is no IndexedDB here. On a server, open intents in the page's code only.");
  try {
    const request = idb.open(name, version) as IdbRequest<IdbDatabase>;
    request.addEventListener("blocked", onBlocked);
    request.addEventListener("upgradeneeded", () => createStores(request.result));
    const database = await resultOf(request);
    if (stores.every((store) => database.objectStoreNames.contains(store))) return database;
    database.close();
  } catch (error) {
    throw storeError(name, error);
  }
  throw invalidOptionError("name", "the name of a database that only intents use", name);
}

function createStores(database: IdbDatabase): void {
  const intents = database.createObjectStore("intents", { keyPath: "id" });
  // Each index has only those intents that have all fields of it.
  intents.createIndex("state", ["state", "id"]);
  intents.createIndex("due", ["origin", "dueAt"]);
  intents.createIndex("owned", ["owner", "dueAt"]);
  intents.createIndex("tab", "tab");
  intents.createIndex("expiry", "expiresAt");
  database.createObjectStore("clock");
}

async function transact<Value>(
  database: IdbDatabase,
  mode: "readonly" | "readwrite",
  work: (stores: OpenStores) => Promise<Value>,
): Promise<Value> {
  const transaction = database.transaction(stores, mode, { durability: "strict" });
  const ended = new Promise<void>((resolve, reject) => {
    transaction.addEventListener("complete", () => resolve());
    transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("The transaction was aborted.")));
  });
  const working = work({ intents: transaction.objectStore("intents"), clock: transaction.objectStore("clock") });
  const [worked, end] = await Promise.allSettled([working.catch((error) => abort(transaction, error)), ended]);
  // The reason of an abort says more than that of the request that it cut off.
  if (end.status === "rejected") throw transaction.error ?? (worked.status === "rejected" ? worked.reason : end.reason);
  if (worked.status === "rejected") throw worked.reason;
  return worked.value;
}

/** So that nothing is stored of work that failed. */
function abort(transaction: IdbTransactionToAbort, error: unknown): never {
  try {
    transaction.abort();
  } catch {
    // It has ended already.
  }
  throw error;
}

interface IdbTransactionToAbort {
  abort(): void;
}

/** The sentence for each error of IndexedDB that a program or a person can do something about. */
function storeError(name: string, error: unknown): OnceAgainError {
  if (OnceAgainError.isInstance(error)) return error;
  const kind = (error as Error | null)?.name;
  if (kind === "QuotaExceededError") {
    const advice = "Free some room (purge() removes ended intents past their retention), then try again.";
    return new OnceAgainError(
      "ONCE_INTENTS_FULL",
      `The browser gives this site no more room on disk. This was not stored, and what is stored stays. ${advice}`,
      { cause: error },
    );
  }
  if (kind === "VersionError") {
    const what = `a newer version of this site has the database ${name}. Reload this page; no intent is lost.`;
    return unavailable(what, error);
  }
  return unavailable(`IndexedDB failed (${String(kind)}). Nothing of this call was stored; ask again.`, error);
}

function unavailable(what: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The store of intents can't be reached: ${what}`, { cause });
}
