/**
 * The parts of IndexedDB, the Web Locks API and the browser's storage that we use. A program's own types of them may be
 * those of TypeScript's library `dom`, or none at all.
 */

/** An `IDBFactory`, such as `globalThis.indexedDB`. */
export interface IndexedDbFactory {
  open(name: string, version?: number): object;
}

/** A request of IndexedDB. */
export interface IdbRequest<Result = unknown> {
  readonly result: Result;
  readonly error: Error | null;
  addEventListener(type: string, listener: () => void): void;
}

export interface IdbDatabase {
  readonly objectStoreNames: { contains(name: string): boolean };
  createObjectStore(name: string, options?: { keyPath: string }): IdbObjectStore;
  transaction(stores: readonly string[], mode: "readonly" | "readwrite", options: object): IdbTransaction;
  close(): void;
  addEventListener(type: string, listener: (event: { readonly newVersion: number | null }) => void): void;
}

export interface IdbTransaction {
  readonly error: Error | null;
  objectStore(name: string): IdbObjectStore;
  abort(): void;
  addEventListener(type: string, listener: () => void): void;
}

/** The questions that an object store and its indexes answer. */
interface IdbSource {
  get(key: unknown): IdbRequest;
  getAll(range?: unknown, limit?: number): IdbRequest<unknown[]>;
  getAllKeys(range?: unknown, limit?: number): IdbRequest<unknown[]>;
  count(range?: unknown): IdbRequest<number>;
  openKeyCursor(range?: unknown): IdbRequest<IdbCursor | null>;
}

export interface IdbObjectStore extends IdbSource {
  put(value: unknown, key?: string): IdbRequest;
  delete(key: unknown): IdbRequest;
  createIndex(name: string, keyPath: string | readonly string[]): unknown;
  index(name: string): IdbSource;
}

export interface IdbCursor {
  readonly key: unknown;
  continue(key: unknown): void;
}

/** An `IDBKeyRange` constructor. */
export interface IdbKeyRanges {
  bound(lower: unknown, upper: unknown, lowerOpen?: boolean): object;
  lowerBound(lower: unknown, open?: boolean): object;
  upperBound(upper: unknown): object;
}

/** The global names of a browser that we use, those that are there. */
export interface BrowserGlobals {
  readonly indexedDB?: IndexedDbFactory;
  readonly IDBKeyRange?: IdbKeyRanges;
  readonly navigator?: {
    readonly onLine?: boolean;
    readonly locks?: WebLocks;
    readonly storage?: { persist?(): Promise<boolean> };
  };
}

/** The LockManager of a page or worker. */
export interface WebLocks {
  request(name: string, hold: () => Promise<unknown>): Promise<unknown>;
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

/** The result of a request, once it is there. */
export function resultOf<Result>(request: IdbRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
