import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { awsRetryStrategy } from "once-again/aws";

const options = {
  region: "eu-central-1",
  endpoint: process.env["SQS_URL"] ?? "http://127.0.0.1:9324",
  credentials: { accessKeyId: "none", secretAccessKey: "none" },
};

// A standard queue takes every message that it is sent. So what may have arrived is not sent again.
const queue = new SQSClient({ ...options, retryStrategy: awsRetryStrategy({ timeoutMs: 60_000 }) });
await queue.send(new SendMessageCommand({ QueueUrl: `${options.endpoint}/1/orders`, MessageBody: "coffee" }));

// A FIFO queue knows a message again for five minutes by its deduplication id. So everything may be sent again.
const fifo = new SQSClient({ ...options, retryStrategy: awsRetryStrategy({ repeatable: true, timeoutMs: 60_000 }) });
const { MessageId } = await fifo.send(
  new SendMessageCommand({
    QueueUrl: `${options.endpoint}/1/orders.fifo`,
    MessageBody: "coffee",
    MessageGroupId: "acme",
    MessageDeduplicationId: "order-7",
  }),
);
console.log(MessageId);
