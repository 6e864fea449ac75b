import { SQS } from "@aws-sdk/client-sqs";
import { consumeSqs, openInbox, readJson } from "once-again/inbox";
import { sqliteStore } from "once-again/stores/sqlite";

const client = new SQS({ ...(process.env["AWS_URL"] !== undefined && { endpoint: process.env["AWS_URL"] }) });
const store = sqliteStore({ path: process.env["SHOP_DB"] ?? "shop.db" });
const inbox = openInbox({ mode: "transactional", store, consumer: "billing" });
const queueUrl = process.env["QUEUE_URL"] ?? "";

// Record and invoice commit together, and only then is the message deleted.
const consumer = await consumeSqs(client, { inbox, queueUrl }, (message, { transaction }) => {
  const { order } = readJson(message) as { order: string };
  transaction.prepare("INSERT INTO invoices (order_id) VALUES (?)").run(order);
  console.log("invoice", order);
});

process.once("SIGTERM", () => {
  void Promise.all([inbox.close(), consumer.close()]).then(() => client.destroy());
});
