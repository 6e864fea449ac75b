import type { ServerResponse } from "node:http";
import { setHeaders } from "./node-headers.ts";
import { runMiddleware, type NodeCall, type NodeExecution } from "./node-adapter.ts";

/** What is used of Fastify's reply. */
export interface FastifyReply {
  raw: ServerResponse;
  getHeaders: () => Record<string, number | string | string[] | undefined>;
  hijack: () => unknown;
}

/** `runMiddleware`, for a response that Fastify answers. */
export function runFastifyMiddleware<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  reply: FastifyReply,
  begin: (execution: NodeExecution<Transaction>) => void | Promise<void>,
  answered: (error?: Error) => void,
): void {
  // Fastify writes the headers it has gathered when it answers. Where it does not, they go out with our answer.
  const headers = reply.getHeaders();
  setHeaders(call.response, headers);
  const beginWithout = (execution: NodeExecution<Transaction>): void | Promise<void> => {
    for (const name in headers) call.response.removeHeader(name);
    return begin(execution);
  };
  runMiddleware(call, beginWithout, (error) => {
    if (error === undefined) reply.hijack();
    answered(error);
  });
}
