import { connect } from "node:net";
import process from "node:process";
import { type Consumer as KafkaConsumer, Kafka, logLevel, Partitioners } from "kafkajs";
import { consumeKafka } from "../../../../../packages/once-again/src/messaging/inbox/index.ts";
import { publishToKafka } from "../../../../../packages/once-again/src/messaging/outbox/index.ts";
import { kafkaBinary, startKafka } from "../../../../support/servers/kafka.ts";
import type { PrivateServer } from "../../../../support/servers/private-server.ts";
import type { MessagesBroker } from "../broker.ts";
import { consumerNames, consumers, topics } from "../shop.ts";

const partitions = 4;
const deadOf = (topic: string): string => `${topic}.dead`;

export const kafkaBroker: MessagesBroker = {
  name: "kafka",
  binary: kafkaBinary,
  start: startBroker,
  publishing: "application/json",
  // The beginning of OffsetCommit, version 5, which no other request has: its API key is 8.
  acknowledging: "\0\u0008\0\u0005",
  deliversInOrder: true,
  hasLeases: true,
  survivesKills: false,
  isCutByResets: true,
  async link(url, leaseMs) {
    const kafka = clientOf(url);
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    return {
      publish: publishToKafka(producer),
      async consume(name, inbox, work) {
        const source = kafka.consumer({
          groupId: name,
          sessionTimeout: leaseMs,
          rebalanceTimeout: leaseMs,
          heartbeatInterval: leaseMs / 10,
          maxWaitTimeInMs: 100,
        });
        try {
          await source.connect();
          await source.subscribe({ topics: [consumers[name].topic], fromBeginning: true });
          return await consumeKafka(source, { inbox, producer, onError: () => undefined }, work);
        } catch (error) {
          await source.disconnect();
          throw error;
        }
      },
      close: () => producer.disconnect(),
    };
  },
  async prepare(url) {
    const kafka = clientOf(url);
    const admin = kafka.admin();
    await admin.connect();
    const archive = await readArchive(kafka);
    const ends = async (topic: string): Promise<Map<number, number>> =>
      new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
    const waitingFor = async (group: string, topic: string): Promise<number> => {
      const end = await ends(topic);
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      for (const { partition, offset } of offsets!.partitions) {
        end.set(partition, end.get(partition)! - Math.max(0, Number(offset)));
      }
      return sum(end.values());
    };
    return {
      async waiting() {
        const groups = await Promise.all(consumerNames.map((name) => waitingFor(name, consumers[name].topic)));
        const sizes = await Promise.all(topics.map(ends));
        return sum(groups) + sum(sizes.flatMap((size) => [...size.values()])) - archive.ids.length;
      },
      async letters() {
        const sizes = await Promise.all(topics.map((topic) => ends(deadOf(topic))));
        return sum(sizes.flatMap((size) => [...size.values()]));
      },
      published: async () => archive.ids,
      async close() {
        await archive.source.disconnect();
        await admin.disconnect();
      },
    };
  },
};

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, one) => all + one, 0);

/** Everything goes to the address that was given, which may be that of a proxy: the broker names itself otherwise. */
function clientOf(url: string): Kafka {
  const [host, port] = url.split(":") as [string, string];
  return new Kafka({
    brokers: [url],
    logLevel: logLevel.NOTHING,
    requestTimeout: 2000,
    retry: { retries: 3, initialRetryTime: 50, maxRetryTime: 200 },
    socketFactory: ({ onConnect }) => connect({ host, port: Number(port) }, onConnect),
  });
}

/** Takes down the id of each message of all topics, in the order of its partition. */
async function readArchive(kafka: Kafka): Promise<{ source: KafkaConsumer; ids: readonly string[] }> {
  const source = kafka.consumer({ groupId: "archive", maxWaitTimeInMs: 100 });
  await source.connect();
  await source.subscribe({ topics: [...topics], fromBeginning: true });
  const ids: string[] = [];
  const next = new Map<string, number>();
  await source.run({
    async eachMessage({ topic, partition, message }) {
      const place = `${topic}/${partition}`;
      // A group that begins anew gets everything again.
      if (Number(message.offset) !== (next.get(place) ?? 0)) return;
      next.set(place, Number(message.offset) + 1);
      ids.push(String(message.headers!["id"]));
    },
  });
  return { source, ids };
}

async function startBroker(): Promise<PrivateServer> {
  const mock = await startKafka();
  for (const topic of topics) {
    await mock.topic(topic, partitions);
    await mock.topic(deadOf(topic), 1);
  }
  const signal = async (name: NodeJS.Signals): Promise<void> => void process.kill(mock.pid, name);
  return {
    url: mock.broker,
    port: Number(mock.broker.split(":")[1]),
    pid: mock.pid,
    stop: () => signal("SIGSTOP"),
    kill: () => signal("SIGSTOP"),
    restart: () => signal("SIGCONT"),
    [Symbol.asyncDispose]: async () => mock[Symbol.asyncDispose](),
  };
}
