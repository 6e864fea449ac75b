import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { consumeJetstream } from "../../../../../packages/once-again/src/messaging/inbox/index.ts";
import { publishToJetstream } from "../../../../../packages/once-again/src/messaging/outbox/index.ts";
import { natsBinary, startNats } from "../../../../support/servers/nats.ts";
import type { MessagesBroker } from "../broker.ts";
import { consumerNames, consumers, topics } from "../shop.ts";

const [stream, dead] = ["shop", "dead"];

export const natsBroker: MessagesBroker = {
  name: "nats",
  binary: natsBinary,
  start: () => startNats(),
  publishing: "Nats-Msg-Id",
  acknowledging: "+ACK",
  deliversInOrder: true,
  hasLeases: true,
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
    await manager.streams.add({ name: stream, subjects: [...topics] });
    await manager.streams.add({ name: dead, subjects: [dead] });
    for (const name of consumerNames) {
      const { isOrdered, topic } = consumers[name];
      await manager.consumers.add(stream, {
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
      close: () => connection.close(),
    };
  },
};

/** A connection that comes back for as long as it takes. */
function connectTo(url: string): Promise<NatsConnection> {
  return connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50, waitOnFirstConnect: true });
}
