import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { openIntents } from "once-again/intents";
import { sqliteIntents } from "once-again/stores/sqlite";
import { carelessCaller } from "./careless-caller.ts";
import type { CallerName } from "./caller-name.ts";
import { safeRetryOptions } from "./safe-caller.ts";
import { orderRequest, type CallerOptions, type OrderOutcome, type SendOrder } from "./send-order.ts";

/** A caller that can be killed and started again: its state is in the file at `path`. */
export interface RestartableCaller {
  readonly send: SendOrder;
  close(): Promise<void>;
}

/** The callers of a run in which callers crash. `concurrency` is how many orders are on the way at a time. */
export const restartableCallers: Record<
  CallerName,
  (options: CallerOptions & { path: string; concurrency: number; leaseMs?: number }) => RestartableCaller
> = {
  /**
   * The careless caller notes in a file how each order ended, and after a crash sends again what is not noted: the
   * orders that were on the way. (Noting them before would lose those that had not arrived.)
   */
  careless({ path, ...options }) {
    const send = carelessCaller(options);
    const notes = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
    const outcomeOf = new Map(notes.map((line) => JSON.parse(line) as [string, OrderOutcome]));
    return {
      async send(order, signal) {
        const outcome = outcomeOf.get(order.id) ?? (await send(order, signal));
        if (!outcomeOf.has(order.id)) appendFileSync(path, `${JSON.stringify([order.id, outcome])}\n`);
        return outcome;
      },
      close: async () => undefined,
    };
  },

  /** The safe caller makes each order an intent. */
  safe({ path, url, concurrency, leaseMs = 500, onWait, attemptTimeoutMs = safeRetryOptions.attemptTimeoutMs }) {
    const store = sqliteIntents({ path });
    const keys = [new URL(url).origin];
    const intents = openIntents({
      ...safeRetryOptions,
      attemptTimeoutMs,
      keys,
      store,
      concurrency,
      leaseMs,
      pollMs: 50,
    });
    intents.watch((event) => {
      if (event.type === "fetch" && event.event.type === "retry-scheduled") onWait(event.event.delayMs);
      if (event.type === "postponed") onWait(event.delayMs);
    });
    return {
      async send(order, signal) {
        const outcome = await intents.submit(order.id, { url, ...orderRequest("safe", order) }, { signal });
        if (outcome.state !== "done") return "unconfirmed";
        return outcome.answer.headers.some(([name]) => name === "idempotent-replayed") ? "replayed" : "confirmed";
      },
      async close() {
        await intents.close();
        await store.close();
      },
    };
  },
};
