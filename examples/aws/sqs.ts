import type { SQSRecord } from "aws-lambda";
import { onceSqs } from "once-again/lambda";
import { sqliteStore } from "once-again/stores/sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";

export const handler = onceSqs(
  // Key and row are committed together, so nothing is ever unknown.
  { mode: "transactional", store: sqliteStore({ path }), scope: "invoices" },
  (record: SQSRecord, { transaction }) => {
    const { order } = JSON.parse(record.body) as { order: string };
    transaction.prepare("INSERT INTO invoices (order_id) VALUES (?)").run(order);
  },
);
