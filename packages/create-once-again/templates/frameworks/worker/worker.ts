import { onceWeb } from "once-again/web";
import { accountOf } from "./accounts.ts";
import { countCharges } from "./charges.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

/** The route, for one request: a Worker's timers and connections end with the request that made them. */
const openCharges = () =>
  onceWeb(
    {
      ...options,
      // The account that owns the keys: two accounts never share one.
      scope: (request) => accountOf(request.headers.get("authorization"))!,
    },
    async (request, operation) => {
      const { amount } = (await request.json()) as { amount: number };
      return Response.json(await pay(operation, amount), { status: 201 });
    },
  );

export default {
  async fetch(request: Request, _env: unknown, context: ExecutionContext): Promise<Response> {
    if (accountOf(request.headers.get("authorization")) === undefined) return new Response(null, { status: 401 });
    if (new URL(request.url).pathname !== "/charges") return new Response(null, { status: 404 });
    if (request.method !== "POST") return Response.json({ charges: await countCharges() });
    const charges = openCharges();
    const response = charges(request);
    // Now, not after the response: the runtime ends the handler of a caller that leaves, unless it waits for it.
    context.waitUntil(Promise.allSettled([response]).then(() => charges.close()));
    return response;
  },
};
