/**
 * Handlers of AWS Lambda: once for each event, request or record of a batch.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { onceDynamodbStream } from "./dynamodb-stream.ts";
export { onceDurable } from "./once-durable.ts";
export { onceEventBridge } from "./event-bridge.ts";
export type { HttpEvent, LambdaHttpAnswer } from "./http-event.ts";
export type { LambdaContext, LambdaFunction } from "./invocation.ts";
export { onceKinesis } from "./kinesis.ts";
export { type OnceHttpFunction, onceLambdaHttp } from "./lambda-http.ts";
export { onceLambda } from "./once-lambda.ts";
export { onceS3 } from "./s3.ts";
export { onceSns } from "./sns.ts";
export { onceSqs } from "./sqs.ts";
