import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { onceNode, type NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { crashPoint } from "../../packages/testing/src/safety/crash-point.ts";
import { insertOrder } from "../support/app-database.ts";

// A server that charges in one of several ways, for the tests of crash points. What the bank charged are the files in a
// folder, which nothing takes back; the rows in the database can be rolled back.

const [way = "", folder = ""] = process.argv.slice(2);
const store = sqliteStore({ path: join(folder, "app.db") });
const charge = (name: string): void => writeFileSync(join(folder, `charge-${name}`), "");

/** A bank that knows no keys. */
async function plain(): Promise<void> {
  await crashPoint("asked");
  charge(crypto.randomUUID());
  await crashPoint("charged");
}

/** A row beside the key, written by two statements. */
async function inTransaction({ transaction }: NodeExecution<DatabaseSync>): Promise<void> {
  await crashPoint("asked");
  insertOrder(transaction, "tea");
  await crashPoint("inserted");
}

/** A bank that knows keys, and then a row. */
async function inSteps({ step }: NodeExecution): Promise<void> {
  await crashPoint("asked");
  await step.keyed("charge", async (key) => {
    charge(key);
    await crashPoint("charged");
  });
  await crashPoint("charge stored");
  await step.transaction("note", () => undefined);
  await crashPoint("noted");
}

const rules = { store, scope: "public", leaseMs: 300, retentionMs: 3_600_000 } as const;

type Way = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const ways: Record<string, () => Way> = {
  hold: () => onceNode(rules, (_request, response) => plain().then(() => void response.end("charged"))),
  rerun: () =>
    onceNode({ ...rules, onUnknown: "rerun" }, (_request, response) =>
      plain().then(() => void response.end("charged")),
    ),
  steps: () =>
    onceNode({ ...rules, onUnknown: "rerun", steps: { secret: new Uint8Array(16) } }, (_request, response, execution) =>
      inSteps(execution).then(() => void response.end("charged")),
    ),
  transactional: () =>
    onceNode<DatabaseSync>({ ...rules, mode: "transactional" }, (_request, response, execution) =>
      inTransaction(execution).then(() => void response.end("charged")),
    ),
  "without points": () =>
    onceNode(rules, (_request, response) => {
      charge(crypto.randomUUID());
      response.end("charged");
    }),
};

const listener = ways[way]!();
createServer((request, response) => void listener(request, response)).listen(Number(process.env["PORT"]), "127.0.0.1");
