import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceWeb } from "once-again/web";
import { type DynamodbTransaction, dynamodbStore } from "once-again/stores/dynamodb";

const store = dynamodbStore(new DynamoDBClient({}), { table: "once-again" });
const limits = { resultBytesMax: 300_000 };

/** Takes an amount from an account, when all is committed: on the condition that the balance is still the one that was read. */
async function take(transaction: DynamodbTransaction, account: string, amount: number): Promise<boolean> {
  const Key = { pk: { S: account } };
  const { Item } = await transaction.get({ TableName: "accounts", Key });
  const balance = Number(Item?.["balance"]?.N ?? 0);
  if (balance < amount) return false;
  transaction.update({
    TableName: "accounts",
    Key,
    UpdateExpression: "SET balance = :next",
    ConditionExpression: "balance = :balance",
    ExpressionAttributeValues: { ":balance": { N: `${balance}` }, ":next": { N: `${balance - amount}` } },
  });
  return true;
}

export const pay = onceWeb(
  { mode: "transactional", store, scope: "public", limits },
  async (request, { transaction }) => {
    const { account, amount } = (await request.json()) as { account: string; amount: number };
    if (!(await take(transaction, account, amount))) return Response.json({ problem: "too little" }, { status: 409 });
    return Response.json({ paid: amount }, { status: 201 });
  },
);
