/**
 * Keys and messages in a table of DynamoDB.
 *
 * @module
 */
export type { DynamodbClient } from "./client.ts";
export { dynamodbOutbox, type DynamodbOutbox, type DynamodbOutboxOptions } from "./outbox.ts";
export { dynamodbStore, type DynamodbStore, type DynamodbStoreOptions } from "./store.ts";
export type { DynamodbTransaction } from "./transact.ts";
