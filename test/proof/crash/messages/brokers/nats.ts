import { setTimeout } from "node:timers/promises";
import { AckPolicy, DiscardPolicy, jetstream, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { consumeJetstream } from "../../../../../packages/once-again/src/messaging/inbox/index.ts";
import { publishToJetstream } from "../../../../../packages/once-again/src/messaging/outbox/index.ts";
import { natsBinary, startNats, streamMaker } from "../../../../support/servers/nats.ts";
import type { MessagesBroker } from "../broker.ts";
import type { Place, PlaceTopic } from "../places.ts";
import { consumerNames, consumers, topics } from "../shop.ts";

const [stream, dead] = ["shop", "dead"];
/** Where messages of this topic go. */
const full: PlaceTopic = "places.full";

export const natsBroker: MessagesBroker = {
  name: "nats",
  binary: natsBinary,
  start: () => startNats(),
  publishing: "Nats-Msg-Id",
  acknowledging: "+ACK",
  deliversInOrder: true,
  hasLeases: true,
  survivesKills: true,
  async link(url) {
    const connection = await connectTo(url);
    const client = jetstream(connection);
    return {
      publish: publishToJetstream(client, { headers }),
      async consume(name, inbox, work) {
        const source = await client.consumers.get(stream, name);
        const options = { inbox, jetstream: client, headers, deadLetterSubject: dead, onError: () => undefined };
        return consumeJetstream(source, { ...options, concurrency: consumers[name].isOrdered ? 1 : 16 }, work);
      },
      close: () => connection.close(),
    };
  },
  async prepare(url, leaseMs) {
    const connection = await connectTo(url);
    const manager = await jetstreamManager(connection);
    const maker = await streamMaker(connection);
    await maker.streams.add({ name: stream, subjects: [...topics] });
    await maker.streams.add({ name: dead, subjects: [dead] });
    await maker.streams.add({ name: "full", subjects: [full], max_msgs: 1, discard: DiscardPolicy.New });
    const place = boundedPlace(manager);
    for (const name of consumerNames) {
      const { isOrdered, topic } = consumers[name];
      await maker.consumers.add(stream, {
        durable_name: name,
        filter_subject: topic,
        ack_policy: AckPolicy.Explicit,
        ack_wait: leaseMs * 1e6,
        ...(isOrdered && { max_ack_pending: 1 }),
      });
    }
    return {
      async waiting() {
        const infos = await Promise.all(consumerNames.map((name) => manager.consumers.info(stream, name)));
        return infos.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0);
      },
      letters: async () => (await manager.streams.info(dead)).state.messages,
      async published() {
        const { messages } = (await manager.streams.info(stream)).state;
        const ids: string[] = [];
        if (messages === 0) return ids;
        const reader = await jetstream(connection).consumers.get(stream, { headers_only: true });
        for await (const message of await reader.consume()) {
          ids.push(String(message.headers?.get("Nats-Msg-Id")));
          if (message.info.pending === 0) break;
        }
        return ids;
      },
      full: place,
      async close() {
        await place.shut();
        await connection.close();
      },
    };
  },
};

/** How often the stream with a bound is looked at, milliseconds. */
const lookMs = 20;

/** A stream that has room for one message, so that it is full unless that is taken away. */
function boundedPlace({ streams }: JetStreamManager): Place {
  const ids: string[] = [];
  const take = async (): Promise<void> => {
    const message = await streams.getMessage("full", { last_by_subj: full });
    if (message === null) return;
    ids.push(message.header.get("Nats-Msg-Id"));
    await streams.deleteMessage("full", message.seq);
  };
  const read = async (stopping: AbortSignal): Promise<void> => {
    while (!stopping.aborted) {
      // No message waits, or the broker is away.
      await take().catch(() => undefined);
      await setTimeout(lookMs);
    }
  };
  const start = () => {
    const stopping = new AbortController();
    const ended = read(stopping.signal);
    return async (): Promise<void> => {
      stopping.abort();
      await ended;
    };
  };
  let stop = start();
  return {
    ids,
    shut: () => stop(),
    open: async () => void (stop = start()),
    isTried: async () => (await streams.info("full")).state.messages > 0,
  };
}

/** A connection that comes back for as long as it takes. */
function connectTo(url: string): Promise<NatsConnection> {
  return connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50, waitOnFirstConnect: true });
}
