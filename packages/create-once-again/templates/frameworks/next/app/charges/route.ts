import { onceWeb } from "once-again/web";
import { accountOf } from "../../accounts.ts";
import { countCharges } from "../../charges.ts";
import { options } from "../../options.ts";
import { pay } from "../../pay.ts";

const charges = onceWeb(
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

const isStranger = (request: Request) => accountOf(request.headers.get("authorization")) === undefined;

export function POST(request: Request): Response | Promise<Response> {
  return isStranger(request) ? new Response(null, { status: 401 }) : charges(request);
}

export async function GET(request: Request): Promise<Response> {
  if (isStranger(request)) return new Response(null, { status: 401 });
  return Response.json({ charges: await countCharges() });
}
