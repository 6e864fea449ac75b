/** The pages of docs/decisions by topic, in an order for readers. */
import { readdirSync } from "node:fs";

export const decisionTopics: Readonly<Record<string, readonly string[]>> = {
  Callers: ["client-verdicts", "client-results", "keys-and-servers", "backoff-and-budgets", "layers", "intents"],
  "Keys and operations": ["unknown-outcomes", "leases", "handler-results", "fingerprints", "engine", "performance"],
  Frameworks: ["node-capture", "web-requests"],
  Stores: ["stores", "sql-keys", "sql-transactions", "postgres", "sqlite", "redis", "cloudflare", "dynamodb"],
  Messages: ["outbox", "inbox", "webhooks"],
  "Functions, tools and agents": ["functions-and-tools", "durable-functions", "agents"],
  Gateway: ["gateway"],
  Operations: ["monitoring"],
  Project: ["packages", "testing"],
};

const listed = Object.values(decisionTopics).flat();
const unlisted = readdirSync("docs/decisions")
  .map((file) => file.replace(/\.md$/, ""))
  .filter((name) => name !== "README" && !listed.includes(name));
if (unlisted.length > 0) throw new Error(`No topic of scripts/decisions.ts has ${unlisted.join(", ")}.`);
