/**
 * The process of a function, as Lambda's own runtime for Node runs it: asks for an event, calls the handler, answers, and
 * asks again. Its arguments are the handler's module and its name.
 */
import process from "node:process";
import { pathToFileURL } from "node:url";

const [file = "", name = "handler"] = process.argv.slice(2);
const runtime = `http://${process.env["AWS_LAMBDA_RUNTIME_API"]}/2018-06-01/runtime`;

async function post(path: string, body: unknown): Promise<void> {
  await fetch(`${runtime}/${path}`, { method: "POST", body: JSON.stringify(body) ?? "null" });
}

function errorBody(error: unknown): { errorType: string; errorMessage: string } {
  return error instanceof Error
    ? { errorType: error.name, errorMessage: error.message }
    : { errorType: typeof error, errorMessage: String(error) };
}

type Handler = (event: unknown, context: object) => unknown;

async function loadHandler(): Promise<Handler> {
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const handler = module[name];
  if (typeof handler !== "function") throw new Error(`${file} exports no function ${name}.`);
  return handler as Handler;
}

async function handleNext(handler: Handler): Promise<void> {
  const response = await fetch(`${runtime}/invocation/next`);
  const header = (part: string): string => response.headers.get(`lambda-runtime-${part}`) ?? "";
  const [awsRequestId, timeoutMs] = [header("aws-request-id"), Number(header("deadline-ms"))];
  const event: unknown = await response.json();
  const context = {
    awsRequestId,
    functionName: "function",
    invokedFunctionArn: header("invoked-function-arn"),
    // oxlint-disable-next-line no-restricted-globals -- The deadline is one of the wall clock, as Lambda's own runtime has it.
    getRemainingTimeInMillis: () => Math.max(0, timeoutMs - Date.now()),
  };
  try {
    const answer = await handler(event, context);
    await post(`invocation/${awsRequestId}/response`, answer);
  } catch (error) {
    await post(`invocation/${awsRequestId}/error`, errorBody(error));
  }
}

let handler: Handler;
try {
  handler = await loadHandler();
} catch (error) {
  await post("init/error", errorBody(error));
  throw error;
}
for (;;) await handleNext(handler);
