import { setTimeout } from "node:timers/promises";
import type { RecordPage } from "../../admin/list.ts";

/** How long a question waits for its page, milliseconds. */
const answerMsMax = 800;

/** So many searches run at a time: each may read every key of the store. */
const searchesMax = 4;

/** A page that is not asked for again is dropped after so long, milliseconds. */
const unclaimedMsMax = 10_000;

const waited = (): Promise<undefined> => setTimeout(answerMsMax, undefined, { ref: false });

/** Searches that outlast the question that began them: the same question, asked again, gets their page. */
export interface LongSearches {
  /**
   * @returns undefined while the search goes on, or waits for others to end.
   * @throws what the search throws.
   */
  ask(question: object, search: () => Promise<RecordPage>): Promise<RecordPage | undefined>;
}

/** For stores without an index, such as Redis: there, a page of a million keys takes many seconds. */
export function longSearches(): LongSearches {
  /** By their question: those that run, and those that have ended and were not asked for again yet. */
  const searches = new Map<string, Promise<RecordPage>>();
  const running = new Set<Promise<RecordPage>>();
  return {
    async ask(question, search) {
      const name = JSON.stringify(question);
      const known = searches.get(name);
      if (known === undefined && running.size >= searchesMax) {
        await Promise.race([...running, waited()]).catch(() => undefined);
        return undefined;
      }
      const pending = known ?? begin(name, search());
      let isOver = true;
      try {
        const page = await Promise.race([pending, waited()]);
        isOver = page !== undefined;
        return page;
      } finally {
        if (isOver) forget(name, pending);
      }
    },
  };

  function begin(name: string, pending: Promise<RecordPage>): Promise<RecordPage> {
    searches.set(name, pending);
    running.add(pending);
    const end = (): void => {
      running.delete(pending);
      void setTimeout(unclaimedMsMax, undefined, { ref: false }).then(() => forget(name, pending));
    };
    pending.then(end, end);
    return pending;
  }

  function forget(name: string, pending: Promise<RecordPage>): void {
    if (searches.get(name) === pending) searches.delete(name);
  }
}
