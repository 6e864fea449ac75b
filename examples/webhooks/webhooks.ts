import { DatabaseSync } from "node:sqlite";
import type { Execution } from "once-again/engine";
import { sqliteStore } from "once-again/stores/sqlite";
import { standardWebhooks, webhookRoute } from "once-again/webhooks";
import { Webhook } from "standardwebhooks";

/** The warehouse's event about an order. */
export interface OrderEvent {
  readonly type: "order.changed";
  readonly timestamp: string;
  readonly data: { readonly order: string; readonly status: string };
}

const path = process.env["SHOP_DB"] ?? "shop.db";
const database = new DatabaseSync(path);
database.exec(`
  CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, status TEXT) STRICT;
  CREATE TABLE IF NOT EXISTS mails (text TEXT) STRICT`);

const secret = process.env["WEBHOOK_SECRET"] ?? `whsec_${btoa("a secret of the warehouse's own!")}`;
export const warehouse = new Webhook(secret);

/** The options of a route that takes the warehouse's webhooks, in any framework. */
export const webhooks = webhookRoute({
  mode: "transactional",
  store: sqliteStore({ path }),
  endpoint: "warehouse",
  verify: standardWebhooks(warehouse),
  // The object of the event: an event older than the last one of the same order changes nothing.
  latest: (_event, text) => ({ object: (JSON.parse(text) as OrderEvent).data.order }),
});

/** Runs once for each webhook, in one transaction with its key. */
export function handle({ data }: OrderEvent, { transaction }: Execution<DatabaseSync>): void {
  transaction
    .prepare("INSERT INTO orders VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status")
    .run(data.order, data.status);
  transaction.prepare("INSERT INTO mails VALUES (?)").run(`Your order is ${data.status}.`);
}
