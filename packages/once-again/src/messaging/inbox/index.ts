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
export {
  consumeJetstream,
  type JetstreamConsumerOptions,
  type JetstreamConsumerSource,
  type JetstreamDelivery,
  type JetstreamMessages,
  type JetstreamStreams,
} from "./consumers/jetstream.ts";
export {
  consumeRabbitmq,
  type RabbitmqConsumerChannel,
  type RabbitmqConsumerConnection,
  type RabbitmqConsumerOptions,
  type RabbitmqDelivery,
} from "./consumers/rabbitmq.ts";
export {
  consumeRedisStreams,
  type IoredisConsumer,
  type NodeRedisConsumer,
  type RedisEntry,
  type RedisStreamsConsumerOptions,
} from "./consumers/redis-streams.ts";
