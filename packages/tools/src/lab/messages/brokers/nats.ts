import { consumeJetstream } from "once-again/inbox";
import type { JetstreamConsumerSource, JetstreamPublisher, NatsHeaders } from "once-again/internal";
import { publishToJetstream } from "once-again/outbox";
import { loadDrivers } from "once-again/internal/command";
import { type CallerName, callerNames } from "../../caller-name.ts";
import { type BrokerAddress, type BrokerLink, type LabBroker, queueName } from "./broker.ts";

/** The part of `@nats-io/transport-node` that we use. */
interface Transport {
  connect(options: object): Promise<{ close(): Promise<void> }>;
  readonly headers: () => NatsHeaders;
}

/** The part of `@nats-io/jetstream` that we use. */
interface Jetstream {
  jetstream(connection: unknown): JetstreamPublisher<NatsHeaders> & {
    consumers: { get(stream: string, consumer: string): Promise<JetstreamConsumerSource> };
  };
  jetstreamManager(connection: unknown): Promise<{
    streams: { add(config: object): Promise<unknown>; delete(stream: string): Promise<unknown> };
    consumers: {
      add(stream: string, config: object): Promise<unknown>;
      info(stream: string, consumer: string): Promise<{ num_pending: number; num_ack_pending: number }>;
    };
  }>;
}

async function connect({ url }: BrokerAddress) {
  const [transport, driver] = loadDrivers("NATS", ["@nats-io/transport-node", "@nats-io/jetstream"]) as [
    Transport,
    Jetstream,
  ];
  const { host, username, password } = new URL(url);
  const connection = await transport.connect({
    servers: host,
    timeout: 10_000,
    maxReconnectAttempts: -1,
    ...(username !== "" && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
  });
  return { transport, driver, connection };
}

const deadSubject = ({ prefix }: BrokerAddress): string => `${prefix}-dead`;

/** How long an unacknowledged message stays with a dead process, nanoseconds. */
const ackWaitNs = 1e9;

/** Streams that are unused for so long expire, should the lab be killed, nanoseconds. */
const expiryNs = 600e9;

/** A stream of this run, in a NATS server that is there. */
export async function natsBroker(address: BrokerAddress): Promise<LabBroker> {
  const { driver, connection } = await connect(address);
  const { prefix } = address;
  const subjects = [...callerNames.map((side) => queueName(address, side)), deadSubject(address)];
  try {
    const manager = await driver.jetstreamManager(connection);
    await manager.streams.add({ name: prefix, subjects, storage: "memory", max_age: expiryNs });
    for (const side of callerNames) {
      await manager.consumers.add(prefix, {
        durable_name: side,
        filter_subject: queueName(address, side),
        ack_policy: "explicit",
        ack_wait: ackWaitNs,
        inactive_threshold: expiryNs,
      });
    }
    return {
      address,
      attach: () => undefined,
      async waiting(side) {
        const info = await manager.consumers.info(prefix, side);
        return info.num_pending + info.num_ack_pending;
      },
      async [Symbol.asyncDispose]() {
        await manager.streams.delete(prefix);
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

export async function natsLink(address: BrokerAddress, side: CallerName): Promise<BrokerLink> {
  const { transport, driver, connection } = await connect(address);
  const client = driver.jetstream(connection);
  const { headers } = transport;
  return {
    publish: publishToJetstream(client, { headers, subject: () => queueName(address, side) }),
    async consume(inbox, concurrency, work) {
      const source = await client.consumers.get(address.prefix, side);
      const deadLetterSubject = deadSubject(address);
      return consumeJetstream(source, { inbox, jetstream: client, headers, deadLetterSubject, concurrency }, work);
    },
    close: () => connection.close(),
  };
}
