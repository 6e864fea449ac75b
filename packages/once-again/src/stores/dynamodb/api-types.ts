/*
 * The requests of DynamoDB that a store sends, and their answers, as its API has them (2012-08-10). The types are those of
 * `@aws-sdk/client-dynamodb`, written anew, so that they are there without the SDK and fit its values.
 */

/** The types of a value, and what JavaScript has for each. */
interface ValueTypes {
  S: string;
  N: string;
  B: Uint8Array;
  SS: string[];
  NS: string[];
  BS: Uint8Array[];
  M: Record<string, AttributeValue>;
  L: AttributeValue[];
  NULL: boolean;
  BOOL: boolean;
  $unknown: [string, unknown];
}

type ValueOf<Type extends keyof ValueTypes> = { [Name in Type]: ValueTypes[Name] } & {
  [Name in Exclude<keyof ValueTypes, Type>]?: never;
};

/** A value with its type, such as `{ S: "text" }`. */
export type AttributeValue = { [Type in keyof ValueTypes]: ValueOf<Type> }[keyof ValueTypes];

/** An item as DynamoDB has it, with the type of each attribute. */
export type Item = Record<string, AttributeValue>;

/** The parts of a request that has expressions. */
interface Expressions {
  ExpressionAttributeNames?: Record<string, string> | undefined;
  ExpressionAttributeValues?: Item | undefined;
}

/** A write on a condition. */
interface ConditionalWrite extends Expressions {
  TableName: string | undefined;
  ConditionExpression?: string | undefined;
  ReturnValuesOnConditionCheckFailure?: "ALL_OLD" | "NONE" | undefined;
}

/** Puts an item. */
export interface Put extends ConditionalWrite {
  Item: Item | undefined;
}

/** Changes an item. */
export interface Update extends ConditionalWrite {
  Key: Item | undefined;
  UpdateExpression: string | undefined;
}

/** Deletes an item. */
export interface Delete extends ConditionalWrite {
  Key: Item | undefined;
}

/** A condition of an item that is not written. */
export interface ConditionCheck extends ConditionalWrite {
  Key: Item | undefined;
  ConditionExpression: string | undefined;
}

/** One part of a transaction. */
export interface TransactWriteItem {
  ConditionCheck?: ConditionCheck | undefined;
  Put?: Put | undefined;
  Delete?: Delete | undefined;
  Update?: Update | undefined;
}

/** Why a part of a transaction was refused. */
export interface CancellationReason {
  Item?: Item | undefined;
  Code?: string | undefined;
  Message?: string | undefined;
}

/** Reads an item. */
export interface Get extends Pick<Expressions, "ExpressionAttributeNames"> {
  TableName: string | undefined;
  Key: Item | undefined;
  AttributesToGet?: string[] | undefined;
  ProjectionExpression?: string | undefined;
}

/** Reads items one after the other. */
interface Pages extends Expressions {
  TableName: string;
  IndexName?: string;
  FilterExpression?: string;
  ConsistentRead?: boolean;
  ExclusiveStartKey?: Item;
}

interface Page {
  Items?: Item[] | undefined;
  LastEvaluatedKey?: Item | undefined;
}

/** The keys of one table that are read. */
interface Keys extends Pick<Expressions, "ExpressionAttributeNames"> {
  Keys: Item[] | undefined;
  ConsistentRead?: boolean | undefined;
  ProjectionExpression?: string | undefined;
}

/** An item that is put or deleted, without a condition. */
export interface WriteRequest {
  PutRequest?: { Item: Item | undefined } | undefined;
  DeleteRequest?: { Key: Item | undefined } | undefined;
}

/** The description of a table. */
export interface TableDescription {
  TableStatus?: string | undefined;
  KeySchema?: { AttributeName: string | undefined; KeyType: string | undefined }[] | undefined;
  Replicas?: object[] | undefined;
  MultiRegionConsistency?: string | undefined;
}

/** An operation: what it is asked with, and what it answers. */
interface Operation<Input, Output> {
  readonly input: Input;
  readonly output: Output;
}

/** The operations by their names. */
export interface Operations {
  GetItem: Operation<Get & { ConsistentRead?: boolean }, { Item?: Item | undefined }>;
  PutItem: Operation<Put, object>;
  UpdateItem: Operation<Update & { ReturnValues?: "ALL_NEW" }, { Attributes?: Item | undefined }>;
  TransactWriteItems: Operation<{ TransactItems: TransactWriteItem[]; ClientRequestToken: string }, object>;
  TransactGetItems: Operation<
    { TransactItems: { Get: { TableName: string; Key: Item } }[] },
    { Responses?: { Item?: Item | undefined }[] | undefined }
  >;
  BatchGetItem: Operation<
    { RequestItems: Record<string, Keys> },
    { Responses?: Record<string, Item[]> | undefined; UnprocessedKeys?: Record<string, Keys> | undefined }
  >;
  BatchWriteItem: Operation<
    { RequestItems: Record<string, WriteRequest[]> },
    { UnprocessedItems?: Record<string, WriteRequest[]> | undefined }
  >;
  Query: Operation<Pages & { KeyConditionExpression: string; Limit: number }, Page>;
  Scan: Operation<Pages, Page>;
  DescribeTable: Operation<{ TableName: string }, { Table?: TableDescription | undefined }>;
  DescribeTimeToLive: Operation<
    { TableName: string },
    {
      TimeToLiveDescription?: { TimeToLiveStatus?: string | undefined; AttributeName?: string | undefined } | undefined;
    }
  >;
}

/** The name of an operation. */
export type OperationName = keyof Operations;
