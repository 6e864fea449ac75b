import { type Context, Hono, type MiddlewareHandler } from "hono";
import { onceHono } from "once-again/hono";
import { accountOf } from "./accounts.ts";
import { countCharges, type Operation } from "./charges.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

/** Opens a route for each request: a Worker's timers and connections end with the request that made them. */
const once: MiddlewareHandler<{ Variables: { once: Operation } }> = async (context, next) => {
  const middleware = onceHono({
    ...options,
    // The account that owns the keys: two accounts never share one.
    scope: (context: Context) => accountOf(context.req.header("authorization"))!,
  });
  const response = middleware(context as never, next);
  // Now, not after the response: the runtime ends the handler of a caller that leaves, unless it waits for it.
  context.executionCtx.waitUntil(Promise.allSettled([response]).then(() => middleware.close()));
  return response;
};

const app = new Hono();
app.use(async (context, next) => {
  if (accountOf(context.req.header("authorization")) === undefined) return context.body(null, 401);
  return next();
});
app.get("/charges", async (context) => context.json({ charges: await countCharges() }));
app.post("/charges", once, async (context) => {
  const { amount } = await context.req.json<{ amount: number }>();
  return context.json(await pay(context.get("once"), amount), 201);
});

export default { fetch: app.fetch };
