import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceWeb } from "once-again/web";
import { dynamodbStore } from "once-again/stores/dynamodb";

const store = dynamodbStore(new DynamoDBClient({}), { table: "once-again" });
const limits = { resultBytesMax: 300_000 };

const charge = onceWeb({ store, scope: "public", limits }, async (request, { fence }) => {
  const { amount } = (await request.json()) as { amount: number };
  // Here a provider would charge; it may refuse a lower fence than the last one.
  console.log(`charged ${amount}, with a fence: ${fence !== undefined}`);
  return Response.json({ charged: amount }, { status: 201 });
});

for (let time = 1; time <= 2; time += 1) {
  const response = await charge(
    new Request("http://shop.example/charges", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "order-1" },
      body: JSON.stringify({ amount: 420 }),
    }),
  );
  console.log(response.status, await response.text(), response.headers.get("idempotent-replayed") ?? "first");
}
