import { getRequestListener } from "@hono/node-server";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import type { Framework } from "./framework.ts";
import { optionsOf } from "./route.ts";
import { joined, responseOf } from "./with-hono.ts";

const bare = "There is no framework around the handler.";

export const withWeb: Framework = {
  name: "web",
  cannot: {
    rawEnd: "There is a `Response`, and no response of Node's.",
    errorHandler: "What a handler throws becomes our own problem, and that is stored.",
    consumedBody: bare,
    parser: bare,
    compression: bare,
    repeatedKey: joined,
  },
  async serve(route) {
    const once = onceWeb(
      optionsOf<Request>(route, (request) => request.headers.get("authorization")),
      async (request, execution) => responseOf(await route.handle({ execution, body: await request.text() })),
    );
    const answer = getRequestListener(once);
    return { listener: (request, response) => void answer(request, response), policy: once.policy, close: once.close };
  },
};
