import type { BrokerName, MessagesBroker } from "../broker.ts";

/** The brokers by their names, loaded one by one, as the engines are. */
const brokers: Readonly<Record<BrokerName, () => Promise<MessagesBroker>>> = {
  rabbitmq: async () => (await import("./rabbitmq.ts")).rabbitmqBroker,
  nats: async () => (await import("./nats.ts")).natsBroker,
  redis: async () => (await import("./redis.ts")).redisBroker,
  sqs: async () => (await import("./sqs.ts")).sqsBroker,
  kafka: async () => (await import("./kafka.ts")).kafkaBroker,
};

export const brokerOf = (name: BrokerName): Promise<MessagesBroker> => brokers[name]();
