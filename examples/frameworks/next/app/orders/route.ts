import type { NextRequest } from "next/server";
import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your sessions: the account of a token with a valid signature. */
const accounts = new Map([["Bearer token-1", "acme"]]);
const accountOf = (request: Request) => accounts.get(request.headers.get("authorization") ?? "");

const orders = onceWeb(
  {
    store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
    scope: (request: NextRequest) => accountOf(request)!,
  },
  // `request` is Next's own; what Next passes beside it comes last, here `{ params }`.
  async (request: NextRequest, { key }, _context: { params: Promise<object> }) => {
    const order: unknown = await request.json();
    const currency = request.nextUrl.searchParams.get("currency");
    return Response.json({ order, key, currency }, { status: 201, headers: { location: "/orders/7" } });
  },
);

/** Strangers are refused before any key is looked at. */
export function POST(request: NextRequest, context: { params: Promise<object> }): Promise<Response> | Response {
  return accountOf(request) === undefined ? new Response("Who are you?", { status: 401 }) : orders(request, context);
}
