/**
 * One effect for each message of a consumer: RabbitMQ, JetStream, Redis Streams, BullMQ, SQS, Kafka.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { type InboxMessage, readJson, rejectedError } from "./inbox-message.ts";
export type { MessageExecution } from "./inbox-options.ts";
export type { Inbox, InboxVerdict, MessageWork } from "./inbox.ts";
export { openInbox } from "./open-inbox.ts";
export { type BullmqJob, bullmqProcessor, bullmqStalledCount } from "./consumers/bullmq.ts";
export type { Consumer } from "./consumers/settle-delivery.ts";
export { consumeJetstream } from "./consumers/jetstream.ts";
export { consumeKafka } from "./consumers/kafka.ts";
export { consumeRabbitmq } from "./consumers/rabbitmq.ts";
export { consumeRedisStreams } from "./consumers/redis-streams.ts";
export { consumeSqs } from "./consumers/sqs.ts";
