import { isOver } from "./exchange-view.ts";
import type { ExchangeView } from "./live-protocol.ts";

/** The last exchanges, and which of them moved. */
export interface RecentExchanges {
  put(view: ExchangeView): void;
  /** The last ones, the oldest first. */
  all(): readonly ExchangeView[];
  /** Those that moved since the last call. */
  moved(): readonly ExchangeView[];
}

/** More than can be on their way at a time. */
const recentMax = 200;

/** So many exchanges that began and ended between two calls of `moved` are reported. A person can't see more at a time. */
const flashesMax = 40;

export function recentExchanges(): RecentExchanges {
  const recent = new Map<string, ExchangeView>();
  const begun = new Set<string>();
  const changed = new Map<string, ExchangeView>();
  return {
    put(view) {
      if (!recent.has(view.id)) begun.add(view.id);
      recent.set(view.id, view);
      changed.set(view.id, view);
      if (recent.size > recentMax) recent.delete(recent.keys().next().value!);
    },
    all: () => [...recent.values()],
    moved() {
      let flashes = 0;
      const reported = [...changed.values()].filter((view) => {
        if (!begun.has(view.id) || !isOver(view)) return true;
        flashes += 1;
        return flashes <= flashesMax;
      });
      changed.clear();
      begun.clear();
      return reported;
    },
  };
}
