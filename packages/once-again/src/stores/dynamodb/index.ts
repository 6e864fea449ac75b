/**
 * Keys and messages in a table of DynamoDB.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { type DynamodbClient, dynamodbOutbox, dynamodbStore } from "./client.ts";
export type { DynamodbOutbox } from "./outbox.ts";
export type { DynamodbStore } from "./store.ts";
export type { DynamodbTransaction } from "./transact.ts";
