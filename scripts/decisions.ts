/** The pages of docs/decisions by topic, in an order for readers. */
import { readdirSync } from "node:fs";

export const decisionTopics: Readonly<Record<string, readonly string[]>> = {
  Callers: ["calling", "backoff-and-budgets", "intents"],
  "Keys and operations": ["unknown-outcomes", "fingerprints", "engine", "outgoing", "performance"],
  Frameworks: ["responses"],
  Stores: ["stores", "sql", "redis", "cloudflare", "dynamodb"],
  Messages: ["outbox", "inbox", "webhooks"],
  "Functions, tools and agents": ["functions-and-agents", "lambda"],
  Gateway: ["gateway"],
  Operations: ["monitoring"],
  Project: ["names", "packages", "testing", "site"],
};

const listed = Object.values(decisionTopics).flat();
const unlisted = readdirSync("docs/decisions")
  .map((file) => file.replace(/\.md$/, ""))
  .filter((name) => name !== "README" && !listed.includes(name));
if (unlisted.length > 0) throw new Error(`No topic of scripts/decisions.ts has ${unlisted.join(", ")}.`);
