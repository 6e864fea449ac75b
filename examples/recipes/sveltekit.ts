import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

// Stands for your sign-in: the account of each token.
const accounts = new Map([["Bearer secret", "acme"]]);
const accountOf = ({ headers }: Request) => accounts.get(headers.get("authorization") ?? "");

const orders = onceWeb(
  { store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }), scope: (request) => accountOf(request)! },
  async (request, { key }) => {
    const order: unknown = await request.json();
    return Response.json({ order, key }, { status: 201, headers: { location: "/orders/7" } });
  },
);

// src/routes/orders/+server.ts
export function POST({ request }: { request: Request }): Promise<Response> | Response {
  return accountOf(request) === undefined ? new Response("Who are you?", { status: 401 }) : orders(request);
}
