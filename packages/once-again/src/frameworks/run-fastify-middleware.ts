import type { ServerResponse } from "node:http";
import { setHeaders } from "./capture/send-response.ts";
import { type NodeCall, type NodeExecution, runMiddleware } from "./node-adapter.ts";

/** The part of Fastify's reply that we use. */
export interface FastifyReply {
  raw: ServerResponse;
  getHeaders: () => Record<string, number | string | string[] | undefined>;
  hijack: () => unknown;
}

/**
 * `runMiddleware`, for a response that Fastify answers: what Fastify writes to its raw response in the end is captured there
 * (capture/response-capture.ts).
 */
export function runFastifyMiddleware<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  reply: FastifyReply,
  begin: (execution: NodeExecution<Transaction>) => void | Promise<void>,
  answered: (error?: Error) => void,
): void {
  const { response } = call;
  const raw = response.getHeaders();
  // Fastify's headers are those of the raw response and its own, which it writes when it responds. Where it does not, they go
  // out with our response.
  const own = Object.entries(reply.getHeaders()).filter(([name, value]) => value !== raw[name]);
  setHeaders(response, Object.fromEntries(own));
  const beginWithout = (execution: NodeExecution<Transaction>): void | Promise<void> => {
    for (const [name] of own) {
      const before = raw[name];
      if (before === undefined) response.removeHeader(name);
      else response.setHeader(name, before);
    }
    return begin(execution);
  };
  runMiddleware(call, beginWithout, (error) => {
    if (error === undefined) reply.hijack();
    answered(error);
  });
}
