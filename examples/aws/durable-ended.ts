import { GetDurableExecutionCommand, LambdaClient } from "@aws-sdk/client-lambda";

const lambda = new LambdaClient();

/** An invocation of an execution that was stopped may still be at work, for as long as the time-out of the function. */
const timeoutMs = 15 * 60_000;

export async function hasEnded(executionArn: string): Promise<boolean> {
  const { EndTimestamp } = await lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn: executionArn }));
  return EndTimestamp !== undefined && Date.now() - EndTimestamp.getTime() > timeoutMs;
}
