import type { BrowserGlobals, WebLocks } from "./client.ts";

/**
 * Says which tabs live, so that the intents of one that was closed or killed are free at once, and not when their leases
 * end. A tab holds a Web Lock while it sends; the browser frees it with the tab. Leases are what is safe: where there are no
 * Web Locks, they alone decide.
 */
export interface TabLock {
  /** The name of this tab's lock, once it is held; `undefined` where there are none. */
  hold(): Promise<string | undefined>;
  /** Gives the lock back. A page that holds one can't be stored for going back to it, so it is held no longer than needed. */
  release(): void;
  /** Of these tabs, those that don't hold their lock any more. */
  findDead(tabs: readonly string[]): Promise<readonly string[]>;
}

/** A lock that was asked for. */
interface TabHold {
  readonly name: string;
  readonly granted: Promise<string | undefined>;
  readonly release: () => void;
}

export function tabLock(database: string): TabLock {
  let held: TabHold | undefined;

  const request = (locks: WebLocks): TabHold => {
    // Another name each time: a tab that saw this one's lock released may free intents by that name, and not those claimed since.
    const name = `once-again:${database}:${crypto.randomUUID()}`;
    const end = Promise.withResolvers<void>();
    const granted = new Promise<string | undefined>((resolve) => {
      const hold = (): Promise<void> => {
        resolve(name);
        return end.promise;
      };
      // Refused in a page without a real origin.
      locks.request(name, hold).catch(() => resolve(undefined));
    });
    return { name, granted, release: end.resolve };
  };
  const webLocks = (): WebLocks | undefined => (globalThis as BrowserGlobals).navigator?.locks;

  return {
    async hold() {
      const locks = webLocks();
      if (locks === undefined) return undefined;
      held ??= request(locks);
      return held.granted;
    },
    release() {
      held?.release();
      held = undefined;
    },
    async findDead(tabs) {
      const others = tabs.filter((tab) => tab !== held?.name);
      const locks = webLocks();
      if (others.length === 0 || locks === undefined) return [];
      const snapshot = await locks.query().catch(() => undefined);
      const living = new Set(snapshot?.held?.map((lock) => lock.name));
      return snapshot === undefined ? [] : others.filter((tab) => !living.has(tab));
    },
  };
}
