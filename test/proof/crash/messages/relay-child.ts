/** A relay in a separate process, which notes each step of its messages. Its argument is JSON: see `ChildTask`. */
import process from "node:process";
import { openRelay, type Publish, publishToHttp } from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import type { RelaySource } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import { tracedOutbox, tracedPublish } from "../../trace/trace-step.ts";
import { brokerOf } from "./brokers/index.ts";
import { insist, startedChild } from "./child.ts";
import { engineOf } from "./engines/index.ts";
import type { RelayEntry } from "./evidence.ts";
import type { PlaceTopic } from "./places.ts";

const { task, note, trace } = startedChild<RelayEntry>();
const { broker, brokerUrl, database, engine, leaseMs, silentUrl } = task;
const silentTopic: PlaceTopic = "places.silent";
const shop = await insist(async () => (await engineOf(engine)).open(database));
const outbox = trace === undefined ? shop.outbox : tracedOutbox(shop.outbox, trace);
const link = await insist(async () => (await brokerOf(broker)).link(brokerUrl, leaseMs));

const idAt = new Map<string, string>();
const idsAt = (positions: readonly string[]): string[] => positions.map((position) => idAt.get(position)!);

const source: RelaySource = {
  ...outbox,
  async claim(request) {
    const claimed = await outbox.claim(request);
    const messages = claimed.batches.flatMap((batch) => batch.messages);
    for (const { id, position } of messages) idAt.set(position, id);
    if (messages.length > 0) note({ event: "claimed", ids: messages.map(({ id }) => id) });
    return claimed;
  },
  async confirm(positions) {
    const ids = idsAt(positions);
    note({ event: "removing", ids });
    try {
      await outbox.confirm(positions);
    } catch (error) {
      note({ event: "unremoved", ids });
      throw error;
    }
    note({ event: "removed", ids });
    for (const position of positions) idAt.delete(position);
  },
  async postpone(requests) {
    await outbox.postpone(requests);
    note({ event: "given back", ids: idsAt(requests.map(({ position }) => position)) });
  },
};

const toSilentPlace = publishToHttp({ url: () => silentUrl });

const publish: Publish = async (message, context) => {
  const ids = [message.id];
  note({ event: "publishing", ids });
  try {
    const send = message.topic === silentTopic ? toSilentPlace : link.publish;
    const confirmation = await send(message, context);
    note({ event: "confirmed", ids, isDuplicate: confirmation?.isDuplicate === true });
    return confirmation;
  } catch (error) {
    note({ event: "failed", ids });
    throw error;
  }
};

const relay = openRelay({
  outbox: source,
  publish: trace === undefined ? publish : tracedPublish(publish, trace),
  // A place may be shut for as long as the run takes.
  refusalsMax: 1_000_000,
  leaseMs,
  publishMsMax: leaseMs / 2,
  pauseBackoff: () => 50,
  backoff: () => 100,
  pollMs: 100,
});
process.once("SIGTERM", () => void relay.close().then(() => process.exit()));
