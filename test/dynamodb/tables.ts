import { CreateTableCommand, DynamoDBClient, type DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import { awsClientOptions } from "../support/servers/moto.ts";

/** A client of an emulator. It asks once: what a test loses on purpose is not repeated behind its back. */
export function dynamodbClient(url: string, more: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({ ...awsClientOptions({ url }), maxAttempts: 1, ...more });
}

/** Makes a table with one key, `pk`. */
export async function createTable(client: DynamoDBClient, table: string): Promise<string> {
  const key = "pk";
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: key, AttributeType: "S" }],
      KeySchema: [{ AttributeName: key, KeyType: "HASH" }],
    }),
  );
  return table;
}
