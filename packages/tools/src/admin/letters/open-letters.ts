import type { LetterPlace } from "./letter.ts";

/** Opens a place of dead letters by the URL of its broker. */
type Open = (url: URL, from: string) => Promise<LetterPlace>;

const openRedis: Open = async (url, from) => (await import("./redis.ts")).openRedisLetters(url, from);
const openRabbitmq: Open = async ({ href }, from) => (await import("./rabbitmq.ts")).openRabbitmqLetters(href, from);
const openKafka: Open = async (url, from) => (await import("./kafka.ts")).openKafkaLetters(url, from);

const openers: Readonly<Record<string, Open>> = {
  "amqp:": openRabbitmq,
  "amqps:": openRabbitmq,
  "kafka:": openKafka,
  "kafkas:": openKafka,
  "nats:": async (url, from) => (await import("./jetstream.ts")).openJetstreamLetters(url, from),
  "redis:": openRedis,
  "rediss:": openRedis,
  "valkey:": openRedis,
  "valkeys:": openRedis,
  "sqs:": async (url, from) => (await import("./sqs.ts")).openSqsLetters(url, from),
};

/** The forms of a broker's URL, for help texts. */
export const brokerUrlForms =
  "amqp://USER:PASSWORD@HOST, kafka://HOST:9092 (kafkas: TLS), nats://HOST, redis://HOST or valkey://HOST, sqs://REGION";

/**
 * Opens the place of a broker where dead letters are.
 *
 * @param location the URL of the broker, which is not in the message of an error: it may have a password.
 * @param from its queue, topic, subject or stream.
 */
export async function openLetters(location: string, from: string): Promise<LetterPlace> {
  const url = URL.parse(location);
  const open = openers[url?.protocol ?? ""];
  if (url === null || open === undefined) throw new Error(`The broker must be one of ${brokerUrlForms}.`);
  return open(url, from);
}
