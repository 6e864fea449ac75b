import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import type { Framework } from "./framework.ts";
import { optionsOf, type Reply } from "./route.ts";

async function replyByNode(response: ServerResponse, reply: Reply): Promise<void> {
  if ("raw" in reply) return reply.raw(response);
  response.writeHead(reply.status, reply.headers);
  if (typeof reply.body === "function") return pipeline(reply.body(), response);
  response.end(reply.body);
}

const bare = "There is no framework around the handler.";

export const withNode: Framework = {
  name: "node",
  cannot: {
    errorHandler: "What a handler throws becomes our own problem, and that is stored.",
    consumedBody: bare,
    parser: bare,
    compression: bare,
  },
  async serve(route) {
    const once = onceNode(
      optionsOf<IncomingMessage>(route, (request) => request.headers.authorization),
      async (_request, response, execution) =>
        replyByNode(response, await route.handle({ execution, body: execution.body.toString() })),
    );
    return { listener: (request, response) => void once(request, response), policy: once.policy, close: once.close };
  },
};
