/** The consumers, in a process of their own, which note each step that messages take. Its argument is JSON: see `ChildTask`. */
import process from "node:process";
import {
  type Inbox,
  type InboxVerdict,
  type MessageWork,
  openInbox,
} from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import { tracedEffect, tracedInbox, tracedTransactions } from "../../trace/trace-step.ts";
import { brokerOf } from "./brokers/index.ts";
import { insist, startedChild } from "./child.ts";
import { engineOf } from "./engines/index.ts";
import type { ConsumerEntry } from "./evidence.ts";
import { type ConsumerName, consumerNames, deliveriesMax } from "./shop.ts";
import { writeEffect } from "./tables.ts";

const { task, note, trace } = startedChild<ConsumerEntry>();
const { broker, brokerUrl, database, engine, leaseMs, life, without } = task;
const shop = await insist(async () => (await engineOf(engine)).open(database));
const link = await insist(async () => (await brokerOf(broker)).link(brokerUrl, leaseMs));

/** Has the effect of a message. */
async function haveEffect(consumer: ConsumerName, transaction: unknown, id: string): Promise<void> {
  await tracedEffect(trace, { scope: consumer, key: id }, () => writeEffect(shop, transaction, { message: id, life }));
  note({ event: "effect", ids: [id] });
}

/** The same, without any record of the message. */
const careless = async (consumer: ConsumerName, id: string): Promise<InboxVerdict> => {
  await insist(() =>
    shop.transact(async (transaction) => {
      await haveEffect(consumer, transaction, id);
      return "commit";
    }),
  );
  return { action: "acknowledge", isRepeat: false };
};

const inboxStore = trace === undefined ? shop.inboxStore : tracedTransactions(shop.inboxStore, trace);

/** The messages that this process has taken, and not handled yet. */
const inHand = new Set<string>();

const running = await Promise.all(
  consumerNames.map(async (consumer) => {
    const inbox = openInbox({
      mode: "transactional",
      store: inboxStore,
      consumer,
      deliveriesMax,
      backoff: () => 50,
      // A store that is away for a while is a part of this.
      onError: () => undefined,
    });
    const handling: Inbox<unknown> =
      without === "inbox" ? { ...inbox, handle: ({ id }) => careless(consumer, id!) } : inbox;
    const traced = trace === undefined ? handling : tracedInbox(handling, trace);
    const work: MessageWork<unknown> = ({ id }, { transaction }) => haveEffect(consumer, transaction, id);
    const noted: Inbox<unknown> = {
      ...inbox,
      async handle(message, given, options) {
        const ids = [String(message.id)];
        const { deliveries = 1, position } = message;
        const place = position && `${position.partition}:${position.sequence}`;
        note({ event: "delivered", ids, deliveries, ...(place !== undefined && { place }) });
        inHand.add(ids[0]!);
        const verdict = await traced.handle(message, given, options);
        inHand.delete(ids[0]!);
        if (verdict.action === "acknowledge") note({ event: "handled", ids, isRepeat: verdict.isRepeat });
        else note({ event: "left", ids });
        return verdict;
      },
    };
    const consuming = await insist(() => link.consume(consumer, noted, work));
    return { inbox, consuming };
  }),
);

/** The thing that a deployment closes first: another one in each life. */
const order = [...life].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 3;

let isClosing = false;
process.on("SIGTERM", () => {
  if (isClosing) return;
  isClosing = true;
  note({ event: "closing", ids: [...inHand] });
  const closed = running.map(async ({ inbox, consuming }) => {
    const closables = order === 0 ? [inbox, consuming] : [consuming, inbox];
    if (order === 2) await Promise.all(closables.map((one) => one.close()));
    else for (const one of closables) await one.close();
  });
  void Promise.all(closed).then(() => process.exit());
});
