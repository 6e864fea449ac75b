/**
 * One effect for each message of a consumer: RabbitMQ, JetStream, Redis Streams, BullMQ.
 *
 * @module
 */
export { type InboxMessage, type ReadableMessage, readJson, rejectedError } from "./inbox-message.ts";
export type {
  InboxOptions,
  InboxRules,
  LeasedInboxOptions,
  MessageExecution,
  ReconcileMessage,
  TransactionalInboxOptions,
} from "./inbox-options.ts";
export type { DeadLetterReason, Inbox, InboxVerdict, MessageWork } from "./inbox.ts";
export { openInbox } from "./open-inbox.ts";
export { bullmqProcessor, bullmqStalledCount, type BullmqOptions } from "./consumers/bullmq.ts";
export type { Consumer } from "./consumers/settle-delivery.ts";
export { consumeJetstream, type JetstreamConsumerOptions } from "./consumers/jetstream.ts";
export type { JetstreamConsumerSource, JetstreamDelivery } from "./consumers/jetstream-client.ts";
export {
  consumeRabbitmq,
  type RabbitmqConsumerConnection,
  type RabbitmqConsumerOptions,
} from "./consumers/rabbitmq.ts";
export { consumeRedisStreams, type RedisStreamsConsumerOptions } from "./consumers/redis-streams.ts";
