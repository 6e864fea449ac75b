import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type IntentEvent, openIntents } from "../../packages/once-again/src/intents/index.ts";
import type { IntentInput } from "../../packages/once-again/src/intents/intent-input.ts";
import type { IntentsOptions } from "../../packages/once-again/src/intents/intents-options.ts";
import { systemClock } from "../../packages/once-again/src/core/system-clock.ts";
import { sqliteIntents } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { scriptedServer } from "./scripted-server.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const fast = {
  keys: true as const,
  attemptsMax: 2,
  backoff: () => 0,
  resumeBackoff: () => 5,
  pollMs: 20,
  budget: "off",
} as const;

/** A server, and intents in a new SQLite file that sends its orders there. All of it ends with the test. */
export async function intentsBench() {
  const path = join(temporaryFolder(), "intents.db");
  const server = await scriptedServer();

  let aheadMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };

  const openedStore = () => {
    const store = sqliteIntents({ path, clock });
    onTestFinished(() => store.close());
    return store;
  };
  return {
    path,
    server,
    /** Another connection to the same file. */
    openedStore,
    /** Intents that don't wait long, and all their events. */
    opened(options: Partial<IntentsOptions> = {}) {
      const store = openedStore();
      const intents = openIntents({ ...fast, store, ...options });
      const events: IntentEvent[] = [];
      intents.watch((event) => events.push(event));
      onTestFinished(() => intents.close());
      return { intents, store, events };
    },
    /** Has it be so much later by the clock of the stores. */
    letTimePass(ms: number) {
      aheadMs += ms;
    },
    order: (more: Partial<IntentInput> = {}): IntentInput => ({
      url: server.url,
      headers: { "content-type": "application/json" },
      body: '{"item":"coffee","amount":420}',
      ...more,
    }),
  };
}
