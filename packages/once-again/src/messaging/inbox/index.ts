export {
  type InboxMessage,
  type MessagePosition,
  type ReadableMessage,
  readJson,
  rejectedError,
} from "./inbox-message.ts";
export type {
  InboxOptions,
  InboxRules,
  LeasedInboxOptions,
  MessageExecution,
  ReconcileMessage,
  TransactionalInboxOptions,
} from "./inbox-options.ts";
export type { DeadLetterReason, HandleOptions, Inbox, InboxVerdict, MessageWork } from "./inbox.ts";
export { openInbox } from "./open-inbox.ts";
export { bullmqProcessor, bullmqStalledCount, type BullmqJob, type BullmqOptions } from "./consumers/bullmq.ts";
export type { Consumer, ConsumerOptions } from "./consumers/settle-delivery.ts";
export { consumeJetstream, type JetstreamConsumerOptions } from "./consumers/jetstream.ts";
export type {
  JetstreamConsumerSource,
  JetstreamDelivery,
  JetstreamMessages,
  JetstreamStreams,
} from "./consumers/jetstream-client.ts";
export {
  consumeRabbitmq,
  type RabbitmqConsumerChannel,
  type RabbitmqConsumerConnection,
  type RabbitmqConsumerOptions,
  type RabbitmqDelivery,
} from "./consumers/rabbitmq.ts";
export type { IoredisConsumer, NodeRedisConsumer, RedisEntry } from "./consumers/redis-entries.ts";
export { consumeRedisStreams, type RedisStreamsConsumerOptions } from "./consumers/redis-streams.ts";
