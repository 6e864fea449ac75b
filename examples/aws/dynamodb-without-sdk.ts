import { onceLambda } from "once-again/lambda";
import { dynamodbClient, dynamodbStore } from "once-again/stores/dynamodb/without-sdk";

interface Order {
  readonly id: string;
  readonly amount: number;
}

// Region and credentials come from the environment, in which Lambda puts them.
const store = dynamodbStore(dynamodbClient(), { table: "once-again" });

export const handler = onceLambda({ store, scope: "charge", key: ({ id }: Order) => id }, async ({ id, amount }) => {
  // Here a provider would charge.
  console.log(`charged ${amount}`);
  return { order: id };
});
