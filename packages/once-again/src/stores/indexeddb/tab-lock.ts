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

export function tabLock(database: string): TabLock {
  const name = `once-again:${database}:${crypto.randomUUID()}`;
  let held: { readonly granted: Promise<string | undefined>; readonly release: () => void } | undefined;

  const request = (locks: WebLocks) => {
    const end = Promise.withResolvers<void>();
    const granted = new Promise<string | undefined>((resolve) => {
      const hold = (): Promise<void> => {
        resolve(name);
        return end.promise;
      };
      // Refused in a page without a real origin.
      locks.request(name, hold).catch(() => resolve(undefined));
    });
    return { granted, release: end.resolve };
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
      const others = tabs.filter((tab) => tab !== name);
      const locks = webLocks();
      if (others.length === 0 || locks === undefined) return [];
      const snapshot = await locks.query().catch(() => undefined);
      const living = new Set(snapshot?.held?.map((lock) => lock.name));
      return snapshot === undefined ? [] : others.filter((tab) => !living.has(tab));
    },
  };
}
