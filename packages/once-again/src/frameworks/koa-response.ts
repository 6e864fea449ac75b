import type { ServerResponse } from "node:http";
import type { HttpResponse } from "../http/index.ts";
import type { ResponseCapture } from "./capture/response-capture.ts";

/** What is used of Koa's context to answer by it. */
interface AnsweringContext {
  res: ServerResponse;
  status: number;
  body: unknown;
  respond?: boolean | undefined;
}

/** Headers that say what the bytes are. */
const ofBytes: ReadonlySet<string> = new Set(["content-type", "content-encoding"]);

/**
 * Answers by what Koa takes for the answer, so that middleware in front does after us what it always does: it may save
 * a session, set headers, count. What goes out when Koa ends the response are the status and the bytes of the answer,
 * with the headers as they are by then; if somebody in front changed the status, it is theirs.
 */
export function sendThroughKoa(
  context: AnsweringContext,
  capture: ResponseCapture,
  answer: HttpResponse,
  onError: (error: unknown) => void,
): unknown {
  const { status, headers, body } = answer;
  // Koa will not end the response: somebody in front has taken it.
  if (context.respond === false) return capture.send(answer);
  const send = (response: HttpResponse): void => {
    const fault = capture.send(response);
    if (fault !== undefined) onError(fault);
  };
  // By the next tick, Koa has ended its own part.
  capture.begin({
    responded: (given) => process.nextTick(send, given.status === status ? withBytesOf(answer, given) : given),
    failed: () => process.nextTick(send, answer),
  });
  const { res } = context;
  context.status = status;
  context.body = body.length === 0 ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  context.status = status;
  res.removeHeader("content-type");
  for (const [name] of headers) res.removeHeader(name);
  for (const [name, value] of headers) res.appendHeader(name, value);
  return undefined;
}

function withBytesOf(answer: HttpResponse, given: HttpResponse): HttpResponse {
  const isOfBytes = ([name]: readonly [string, string]): boolean => ofBytes.has(name.toLowerCase());
  const headers = [...given.headers.filter((header) => !isOfBytes(header)), ...answer.headers.filter(isOfBytes)];
  return { status: answer.status, headers, body: answer.body };
}
