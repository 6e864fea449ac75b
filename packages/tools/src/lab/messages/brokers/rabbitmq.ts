import { consumeRabbitmq } from "once-again/inbox";
import type { RabbitmqConnection, RabbitmqConsumerConnection, RabbitmqConsumerOptions } from "once-again/internal";
import { publishToRabbitmq } from "once-again/outbox";
import { loadDriver } from "once-again/internal/command";
import { type CallerName, callerNames } from "../../caller-name.ts";
import { type BrokerAddress, type BrokerLink, type LabBroker, queueName } from "./broker.ts";

/** The part of `amqplib` that we use. */
interface Amqplib {
  connect(url: string, options?: object): Promise<Connection>;
}

interface Connection extends RabbitmqConnection, Omit<RabbitmqConsumerConnection, "createChannel"> {
  createChannel(): Promise<Channel>;
  on(event: "error", listener: () => void): unknown;
  close(): Promise<void>;
}

interface Channel extends Awaited<ReturnType<RabbitmqConsumerConnection["createChannel"]>> {
  assertQueue(queue: string, options: object): Promise<unknown>;
  checkQueue(queue: string): Promise<{ messageCount: number }>;
  deleteQueue(queue: string): Promise<unknown>;
}

/** Queues that are unused for so long expire, should the lab be killed, milliseconds. */
const expiryMs = 600_000;

async function connect({ url }: BrokerAddress, options: object = {}): Promise<Connection> {
  const amqplib = loadDriver("RabbitMQ", ["amqplib"]).module as Amqplib;
  const connection = await amqplib.connect(url, options);
  // The call that fails reports it.
  connection.on("error", () => undefined);
  return connection;
}

/** Queues of this run, in a RabbitMQ that is there. */
export async function rabbitmqBroker(address: BrokerAddress): Promise<LabBroker> {
  const connection = await connect(address);
  const channel = await connection.createChannel();
  const queues = callerNames.map((side) => queueName(address, side)).flatMap((queue) => [queue, `${queue}.dead`]);
  const dispose = async (): Promise<void> => {
    for (const queue of queues) await channel.deleteQueue(queue);
    await connection.close();
  };
  try {
    for (const queue of queues) await channel.assertQueue(queue, { arguments: { "x-expires": expiryMs } });
  } catch (error) {
    await connection.close();
    throw error;
  }
  return {
    address,
    attach: () => undefined,
    waiting: async (side) => (await channel.checkQueue(queueName(address, side))).messageCount,
    [Symbol.asyncDispose]: dispose,
  };
}

export async function rabbitmqLink(address: BrokerAddress, side: CallerName): Promise<BrokerLink> {
  const connection = await connect(address, { recovery: { initialDelay: 50, maxDelay: 500 } });
  const queue = queueName(address, side);
  return {
    publish: publishToRabbitmq(connection, { exchange: "", routingKey: () => queue }),
    consume(inbox, prefetch, work) {
      const options: RabbitmqConsumerOptions<never> = { inbox: inbox as never, queue, prefetch };
      return consumeRabbitmq(connection, options, work as never);
    },
    close: () => connection.close(),
  };
}
