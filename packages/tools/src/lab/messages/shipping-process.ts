/**
 * The shipping of one side, in a separate process, so that it can be killed. Started by messages-run.ts, which sends it its task
 * by IPC; it reports what it ships, ends in good order on the message "stop", and at once when its parent is gone.
 */
import process from "node:process";
import { exponentialBackoff } from "once-again";
import { type Consumer, type Inbox, type InboxMessage, openInbox } from "once-again/inbox";
import { sqliteStore } from "once-again/stores/sqlite";
import { writeOrder } from "../ledger.ts";
import { openDatabase } from "../open-database.ts";
import { type BrokerLink } from "./brokers/broker.ts";
import { openLink } from "./brokers/open-broker.ts";
import { faultyAcknowledgements } from "./faulty-way.ts";
import { orderOf } from "./order-message.ts";
import type { SideReport, SideTask } from "./side-task.ts";

const report = (what: SideReport): void => void process.send?.(what);

const hear = {
  onHandled: (order: string, isRepeat: boolean) => report({ event: "shipped", order, isRepeat }),
  onAcknowledged: (order: string, isLost: boolean) => report({ event: "acknowledged", order, isLost }),
};

type Ship = (link: BrokerLink, task: SideTask) => Promise<Consumer>;

/** Ships each message that comes, and acknowledges it. */
const shipCarelessly: Ship = async (link, task) => {
  const database = openDatabase(task.path);
  const ship = (message: InboxMessage): void => {
    database.exec("BEGIN IMMEDIATE");
    writeOrder(database, "careless", orderOf(message));
    database.exec("COMMIT");
  };
  const close = async (): Promise<void> => database.close();
  const everyDelivery: Inbox = {
    consumer: "shipping",
    hasMarks: false,
    async handle(message) {
      ship(message);
      return { action: "acknowledge", isRepeat: false };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  const consumer = await link.consume(
    faultyAcknowledgements(everyDelivery, task, hear),
    task.concurrency,
    () => undefined,
  );
  return closedTogether(consumer, close);
};

/** Ships each message once: parcel and record of the message commit together. */
const shipSafely: Ship = async (link, task) => {
  const store = sqliteStore({ path: task.path });
  const inbox = openInbox({
    mode: "transactional",
    store,
    consumer: "shipping",
    backoff: exponentialBackoff({ baseMs: 10, capMs: 160 }),
  });
  const consumer = await link.consume(
    faultyAcknowledgements(inbox, task, hear),
    task.concurrency,
    (message, { transaction }) => writeOrder(transaction, "safe", orderOf(message)),
  );
  return closedTogether(consumer, async () => {
    await inbox.close();
    await store.close();
  });
};

/** A consumer that closes what it writes to when it is closed. */
function closedTogether(consumer: Consumer, closeRest: () => Promise<void>): Consumer {
  const close = async (): Promise<void> => {
    await consumer.close();
    await closeRest();
  };
  return { close, [Symbol.asyncDispose]: close };
}

/** Listened for from the first moment: a process may be stopped before it has its broker. */
const stopped = new Promise<void>((resolve) => process.on("message", (word) => word === "stop" && resolve()));

async function run(task: SideTask): Promise<void> {
  const link = await openLink(task.broker, task.name);
  const consumer = await (task.name === "safe" ? shipSafely : shipCarelessly)(link, task);
  await stopped;
  await consumer.close();
  await link.close();
  process.disconnect();
}

process.once("message", (task) => void run(task as SideTask));
// Ctrl-C reaches the whole group of processes; the parent acts on it.
for (const name of ["SIGINT", "SIGHUP"]) process.on(name, () => undefined);
process.once("disconnect", () => process.exit());
