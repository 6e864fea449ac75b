/**
 * A relay in a separate process, so that it can be killed. Arguments: the engine, the database's URL or path, the
 * ledger's URL. It says its number when it is ready, and begins on a message of its parent.
 */
import { once } from "node:events";
import process from "node:process";
import { openRelay, unavailableError } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { type EngineName, outboxEngines } from "../support/outbox/engines.ts";

const [engine = "", database = "", ledger = ""] = process.argv.slice(2);
const { outbox } = outboxEngines[engine as EngineName](database);

process.stdout.write(`${process.pid}\n`);
await once(process.stdin, "data");
openRelay({
  outbox,
  async publish({ id, orderingKey = "" }) {
    const response = await fetch(ledger, {
      method: "POST",
      body: JSON.stringify([orderingKey, id, String(process.pid)]),
    });
    if (!response.ok) throw unavailableError(`The ledger answered ${response.status}.`);
  },
  concurrency: 16,
  // Long for a busy machine, and short for who waits for the lease of one that was killed.
  publishMsMax: 1000,
  leaseMs: 2000,
  pauseBackoff: () => 10,
  pollMs: 100,
});
