import { Readable } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import type { Framework } from "./framework.ts";
import { optionsOf, type Reply } from "./route.ts";

/** A reply as a web-standard response. */
export function responseOf(reply: Reply): Response {
  if ("raw" in reply) throw new TypeError("There is no response of Node's.");
  const { status, headers = {}, body } = reply;
  const given = typeof body === "function" ? (Readable.toWeb(body()) as ReadableStream<Uint8Array>) : body;
  const response = new Response(
    typeof given === "object" && "buffer" in given ? Uint8Array.from(given) : (given ?? null),
    { status },
  );
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value].flat()) response.headers.append(name, one);
  }
  return response;
}

const webOnly = "Web-standard handlers return a `Response`; what goes past it goes past once-again, too.";
export const joined = "Web-standard `Headers` join repeated ones; a comma in a bare key is refused either way.";

export const withHono: Framework = {
  name: "hono",
  cannot: {
    rawEnd: webOnly,
    consumedBody: "Hono keeps what it read.",
    repeatedKey: joined,
  },
  async serve(route) {
    const once = onceHono(optionsOf<Context>(route, (context) => context.req.header("authorization")));
    const orders = new Hono();
    orders.use("/orders", once);
    if (route.compression === "behind") orders.use("/orders", compress({ threshold: 0 }));
    orders.all("/orders", async (context) => {
      const execution = context.get("once");
      const body = route.parser === undefined ? await context.req.text() : JSON.stringify(await context.req.json());
      return responseOf(await route.handle({ execution, body }));
    });
    const app = new Hono();
    app.onError((error, context) => context.json({ failed: error.message }, 500));
    if (route.compression === "before") app.use(compress({ threshold: 0 }));
    if (route.parser === "before") {
      app.use(async (context, next) => {
        await context.req.text();
        await next();
      });
    }
    app.route("/v1", orders);
    app.route("/v2", orders);
    const answer = getRequestListener(app.fetch);
    return { listener: (request, response) => void answer(request, response), policy: once.policy, close: once.close };
  },
};
