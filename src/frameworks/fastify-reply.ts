import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setHeaders } from "./node-headers.ts";
import { enter, type NodeCall, type NodeExecution } from "./node-operation.ts";

/** What is used of Fastify's reply. */
export interface FastifyReply {
  raw: ServerResponse;
  getHeaders: () => Record<string, number | string | string[] | undefined>;
  hijack: () => unknown;
}

/** `enter`, for a response that Fastify answers. */
export async function enterFastify<Native, Transaction>(
  call: NodeCall<Native, Transaction>,
  reply: FastifyReply,
  begin: (execution: NodeExecution<Transaction>) => void,
): Promise<boolean> {
  // Fastify writes the headers it has gathered when it answers. Where it does not, they go out with our answer.
  const headers = reply.getHeaders();
  setHeaders(call.response, headers);
  const run = await enter(call, (execution) => {
    for (const name of Object.keys(headers)) call.response.removeHeader(name);
    hideHangUp(call.incoming);
    begin(execution);
  });
  if (!run) reply.hijack();
  return run;
}

const connections = new WeakMap<Socket, Socket>();

/** Fastify does not answer for a handler that returned nothing when its caller left: the operation would never end. */
function hideHangUp(request: IncomingMessage): void {
  request.socket = seeminglyOpen(request.socket);
  if (!request.readableEnded) request.once("aborted", () => (request.aborted = false));
}

/** A socket that never shows that it was closed. Not one that inherits: V8 would give each prototype a shape of its own. */
function seeminglyOpen(socket: Socket): Socket {
  const known = connections.get(socket);
  if (known !== undefined) return known;
  const open = new Proxy(socket, {
    get: (target, property) => property !== "destroyed" && (Reflect.get(target, property) as unknown),
  });
  connections.set(socket, open);
  return open;
}
