import type { Clock } from "../../core/clock.ts";
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
  /** The database was removed after we had it open, and with it its intents: the user cleared this site's data, or the browser evicted it. */
  | { readonly type: "removed" }
  /** A page with a newer version of this library has the database now. This page stores nothing more: reload it. */
  | { readonly type: "outdated" }
  /** Another page has the database open and does not let go of it, so that it can't be brought up to date: close it. */
  | { readonly type: "blocked" }
  /** The browser lets this site store nothing, and `fallback` goes on: what is asked for ends with this page. */
  | { readonly type: "refused" }
  /**
   * The database is open, and has not answered a call for 4 s: a frozen tab holds it up, or the disk does. What is under way stays
   * `pending` until it answers, also where the server has answered. Said once, until it answers again.
   */
  | { readonly type: "silent" };

/**
 * How long the browser may take to open the database, milliseconds. Some never answer: behind a connection that does not let go, or
 * when they have lost their storage. Two tries fit into the time that intents give a call.
 */
const openMsMax = 4000;
/** How long a transaction may take before the database is said to be silent, milliseconds. */
const answerMsMax = 4000;

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
  /** Whether the browser has refused the database, and never opened it before. */
  isRefused(): boolean;
  close(): void;
}

interface ConnectionOptions {
  readonly askToPersist: boolean;
  readonly clock: Pick<Clock, "timer">;
  readonly onEvent: Listener<IndexedDbEvent> | undefined;
}

export function indexedDbConnection(
  name: string,
  factory: IndexedDbFactory | undefined,
  { askToPersist, clock, onEvent }: ConnectionOptions,
): IndexedDbConnection {
  /** The latest attempt to open it. One that took too long is forgotten, and the next call asks the browser anew. */
  let opening: Promise<IdbDatabase> | undefined;
  let isClosed = false;
  let wasOpen = false;
  let isAsked = !askToPersist;
  let isRefused = false;
  const watchSilence = silenceWatch(clock, onEvent);

  const open = async (isLate: () => boolean): Promise<IdbDatabase> => {
    let isEmpty = false;
    const database = await openDatabase(name, factory, {
      onBlocked: () => notify(onEvent, { type: "blocked" }),
      onCreated: () => (isEmpty = true),
    });
    if (isClosed || isLate()) {
      database.close();
      return database;
    }
    const forget = (): void => {
      database.close();
      opening = undefined;
    };
    const report = (type: "removed" | "outdated"): void => {
      wasOpen = false;
      notify(onEvent, { type });
    };
    // Another page waits until this connection is gone, and its intents are safe there.
    database.addEventListener("versionchange", ({ newVersion }) => {
      forget();
      report(newVersion === null ? "removed" : "outdated");
    });
    // The browser closes it when it is removed, and also when its disk fails: then all of it is there when it opens again.
    database.addEventListener("close", forget);
    if (isEmpty && wasOpen) report("removed");
    wasOpen = true;
    if (!isAsked) void askBrowser(onEvent);
    isAsked = true;
    return database;
  };
  const connect = async (): Promise<IdbDatabase> => {
    if (isClosed) throw new OnceAgainError("ONCE_CLOSED", "This store of intents is closed.");
    const attempt = (opening ??= inTime(clock, open));
    try {
      return await attempt;
    } catch (error) {
      if (opening === attempt) opening = undefined;
      isRefused = !wasOpen && isRefusal(error);
      throw error;
    }
  };
  return {
    async transact(mode, work) {
      const database = await connect();
      try {
        return await watchSilence(() => transact(database, mode, work));
      } catch (error) {
        throw storeError(name, error);
      }
    },
    isRefused: () => isRefused,
    close() {
      isClosed = true;
      void opening?.then((database) => database.close()).catch(() => undefined);
    },
  };
}

/** Runs a call of the database, and says so where it takes long: once, until a call is answered. */
function silenceWatch({ timer }: ConnectionOptions["clock"], onEvent: ConnectionOptions["onEvent"]) {
  let isSilent = false;
  const onLate = (): void => {
    if (!isSilent) notify(onEvent, { type: "silent" });
    isSilent = true;
  };
  return async <Value>(call: () => Promise<Value>): Promise<Value> => {
    const cancel = timer(answerMsMax, onLate);
    try {
      const value = await call();
      isSilent = false;
      return value;
    } finally {
      cancel();
    }
  };
}

/** Asks the browser to keep this site's data. */
async function askBrowser(onEvent: Listener<IndexedDbEvent> | undefined): Promise<void> {
  const { navigator } = globalThis as BrowserGlobals;
  const isPersistent = await navigator?.storage?.persist?.().catch(() => false);
  if (isPersistent === false) notify(onEvent, { type: "evictable" });
}

/** @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` after `openMsMax`. What opens later has to be closed. */
function inTime(
  clock: ConnectionOptions["clock"],
  open: (isLate: () => boolean) => Promise<IdbDatabase>,
): Promise<IdbDatabase> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const cancel = clock.timer(openMsMax, () => {
      isLate = true;
      reject(openLateError());
    });
    open(() => isLate)
      .finally(cancel)
      .then(resolve, reject);
  });
}

async function openDatabase(
  name: string,
  factory: IndexedDbFactory | undefined,
  { onBlocked, onCreated }: { readonly onBlocked: () => void; readonly onCreated: () => void },
): Promise<IdbDatabase> {
  try {
    const idb = factory ?? (globalThis as BrowserGlobals).indexedDB;
    if (idb === undefined)
      throw unavailable("there is no IndexedDB here. On a server, open intents in the page's code only.");
    const request = idb.open(name, version) as IdbRequest<IdbDatabase>;
    request.addEventListener("blocked", onBlocked);
    request.addEventListener("upgradeneeded", () => {
      createStores(request.result);
      onCreated();
    });
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

/** The errors by which a browser says that this site may store nothing. After any other, the database may be there the next time. */
const refusals: readonly unknown[] = ["SecurityError", "InvalidStateError", "NotAllowedError"];

function isRefusal(error: unknown): boolean {
  return refusals.includes(((error as Error).cause as Error | undefined)?.name);
}

function openLateError(): OnceAgainError {
  const what = `the browser has not opened its database within ${openMsMax / 1000} s. Nothing of this call was stored; ask again.`;
  return unavailable(`${what} If it stays so, close the other tabs of this site.`);
}

function unavailable(what: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The store of intents can't be reached: ${what}`, { cause });
}
