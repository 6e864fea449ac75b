import { existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { exponentialBackoff, sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { openRelay, type Publish } from "once-again/outbox";
import { sqliteOutbox, sqliteStore, type SqliteStore } from "once-again/stores/sqlite";
import type { CallerName } from "../caller-name.ts";
import { openDatabase } from "../open-database.ts";
import type { Order } from "../orders.ts";
import { orderMessage, orderOf } from "./order-message.ts";

/** Saves orders, and announces them. Its state is in its database, so it can be killed and started again. */
export interface OrderService {
  place(order: Order): Promise<void>;
  /** Resolves when all that it will announce is announced. */
  close(): Promise<void>;
}

/** The parts of a service. */
export interface ServiceParts {
  readonly path: string;
  readonly publish: Publish;
  /** How long it waits for a confirmation, milliseconds. */
  readonly publishMsMax: number;
  /** How many messages it has on the way at a time. */
  readonly concurrency: number;
  readonly onSaved: (order: Order) => void;
  /** Called with an order that it will not announce any more. */
  readonly onLeft: (order: Order) => void;
}

/** After so many attempts the careless service gives up. */
const attemptsMax = 3;

/** It always waits this long between them, milliseconds. */
const pauseMs = 100;

/** Saves an order, and says whether it is new. A customer who got no answer sends it again. */
function saveOrder(transaction: DatabaseSync, { id }: Order): boolean {
  transaction.exec("CREATE TABLE IF NOT EXISTS saved_orders (id TEXT PRIMARY KEY)");
  return transaction.prepare("INSERT OR IGNORE INTO saved_orders (id) VALUES (?)").run(id).changes > 0;
}

/** The ids of the orders in the database file at `path`, which a service may have open. */
export function savedOrders(path: string): ReadonlySet<string> {
  if (!existsSync(path)) return new Set();
  const database = openDatabase(path);
  try {
    const isMade = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'saved_orders'").get() !== undefined;
    const rows = isMade ? database.prepare("SELECT id FROM saved_orders").all() : [];
    return new Set(rows.map(({ id }) => id as string));
  } finally {
    database.close();
  }
}

/** Runs work in a transaction that commits. */
async function commit<Value>(store: SqliteStore, work: (transaction: DatabaseSync) => Promise<Value>): Promise<Value> {
  const result = new Uint8Array();
  return store.transactUnkeyed(async (transaction) => ({ keep: "commit", result, value: await work(transaction) }));
}

/** The two services. */
export const orderServices: Record<CallerName, (parts: ServiceParts) => OrderService> = {
  /** Saves the order, then sends it to the broker; after a while without a confirmation it sends it again. */
  careless({ path, publish, publishMsMax, onSaved, onLeft }) {
    const store = sqliteStore({ path });
    const announce = async (order: Order): Promise<void> => {
      const body = new TextEncoder().encode(JSON.stringify(order));
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
        // The message does not say whether it is a second attempt or a second order.
        const message = {
          ...orderMessage(order),
          id: crypto.randomUUID(),
          orderingKey: undefined,
          headers: {},
          body,
        };
        const signal = AbortSignal.timeout(publishMsMax);
        const isConfirmed = await publish({ ...message, addedAt: Date.now() }, { signal }).then(
          () => true,
          () => false,
        );
        if (isConfirmed) return;
        await sleep(systemClock, pauseMs);
      }
    };
    return {
      async place(order) {
        if (await commit(store, async (transaction) => saveOrder(transaction, order))) {
          onSaved(order);
          await announce(order);
        }
        // An order that was saved before a crash is an old one; nothing records that it was not announced.
        onLeft(order);
      },
      close: () => store.close(),
    };
  },

  /** Saves the order and its message in one transaction; a relay sends the message to the broker. */
  safe({ path, publish, publishMsMax, concurrency, onSaved, onLeft }) {
    const [store, outbox] = [sqliteStore({ path }), sqliteOutbox({ path })];
    // Short, to have the lab end soon.
    const backoff = exponentialBackoff({ baseMs: 10, capMs: 160 });
    const relay = openRelay({
      outbox,
      async publish(message, context) {
        await publish(message, context);
        onLeft(orderOf(message));
      },
      publishMsMax,
      leaseMs: 2 * publishMsMax,
      concurrency,
      backoff,
      pauseBackoff: backoff,
      // This broker is away often, and refuses much, by design.
      onError: () => undefined,
      refusalsMax: 1000,
      pollMs: 50,
    });
    return {
      async place(order) {
        const isNew = await commit(store, async (transaction) => {
          if (!saveOrder(transaction, order)) return false;
          await outbox.add(transaction, orderMessage(order));
          return true;
        });
        if (isNew) onSaved(order);
      },
      async close() {
        while ((await outbox.backlog()).messages > 0) await sleep(systemClock, 20);
        await relay.close();
        await Promise.all([outbox.close(), store.close()]);
      },
    };
  },
};
