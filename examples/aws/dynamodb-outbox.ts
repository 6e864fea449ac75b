import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceWeb } from "once-again/web";
import { openRelay } from "once-again/outbox";
import { dynamodbOutbox, dynamodbStore } from "once-again/stores/dynamodb";

const client = new DynamoDBClient({});
const store = dynamodbStore(client, { table: "once-again" });
const outbox = dynamodbOutbox(client, { table: "once-again" });
const limits = { resultBytesMax: 300_000 };

const order = onceWeb({ mode: "transactional", store, scope: "public", limits }, async (request, { transaction }) => {
  const { id } = (await request.json()) as { id: string };
  transaction.put({ TableName: "orders", Item: { pk: { S: id } } });
  // It commits with the order, its key and the response, or never was.
  await outbox.add(transaction, { topic: "order.placed", orderingKey: id, body: { id } });
  return Response.json({ id }, { status: 201 });
});

const relay = openRelay({
  outbox,
  // Here publishToSqs, publishToSns or publishToEventBridge would publish.
  publish: async ({ topic, body }) => console.log(topic, new TextDecoder().decode(body)),
});

for (let time = 1; time <= 2; time += 1) {
  const response = await order(
    new Request("http://shop.example/orders", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "order-7" },
      body: JSON.stringify({ id: "7" }),
    }),
  );
  console.log(response.status, response.headers.get("idempotent-replayed") ?? "first");
  // The message is published once, also where the order comes again.
  await relay.idle();
}
await relay.close();
client.destroy();
