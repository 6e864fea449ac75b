/**
 * Messages that commit with your own transaction, and the relay that publishes them.
 *
 * @module
 */
export type {
  ClaimedBatch,
  ClaimedMessage,
  ClaimedMessages,
  ListParkedRequest,
  NewMessage,
  OutboxBacklog,
  OutboxMessage,
  OutboxStore,
  ParkedMessage,
  PostponeRequest,
  RelaySource,
  WholeParkedMessage,
} from "../../stores/outbox-store.ts";
export { openRelay, type Relay } from "./open-relay.ts";
export { type Confirmation, type Publish, refusedError, unavailableError } from "./publish.ts";
export type { RelayEvent } from "./relay-event.ts";
export type { RelayOptions } from "./relay-options.ts";
export { type HttpPublisherOptions, publishToHttp } from "./publishers/http.ts";
export { signWebhooks } from "./publishers/sign-webhooks.ts";
export {
  type JetstreamPublisherOptions,
  type JetstreamPublisher,
  type NatsHeaders,
  publishToJetstream,
} from "./publishers/jetstream.ts";
export { publishToRabbitmq, type RabbitmqConnection, type RabbitmqPublisherOptions } from "./publishers/rabbitmq.ts";
export { publishToRedisStreams, type RedisStreamsPublisherOptions } from "./publishers/redis-streams.ts";
