/**
 * Keys and messages in a table of DynamoDB, without the SDK of AWS: for functions in which a cold start counts.
 *
 * @module
 */
import "../../../core/check-platform.ts";
export type { DynamodbOutbox } from "../outbox.ts";
export type { DynamodbStore } from "../store.ts";
export type { DynamodbTransaction } from "../transact.ts";
export { type DynamodbClient, dynamodbClient, dynamodbOutbox, dynamodbStore } from "./client.ts";
