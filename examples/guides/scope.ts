import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your sessions: what a token says after its signature was checked. */
const sessions = new Map([
  ["token-1", { tenant: "acme", user: "ann" }],
  ["token-1-refreshed", { tenant: "acme", user: "ann" }],
  ["token-2", { tenant: "globex", user: "bob" }],
]);
const sessionOf = (request: Request) =>
  sessions.get(request.headers.get("authorization")?.replace("Bearer ", "") ?? "");

const orders = onceWeb(
  {
    store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
    // Callers that share a scope share its keys and their responses. JSON keeps ["a","b/c"] and ["a/b","c"] apart.
    scope: (request) => {
      const { tenant, user } = sessionOf(request)!;
      return JSON.stringify([tenant, user]);
    },
  },
  (request) => Response.json({ for: sessionOf(request)?.user }, { status: 201 }),
);

/** Refuses strangers before any key is looked at. */
async function serve(request: Request): Promise<Response> {
  return sessionOf(request) === undefined ? new Response("Who are you?", { status: 401 }) : orders(request);
}

for (const token of ["token-1", "token-1-refreshed", "token-2", "forged"]) {
  const headers = { authorization: `Bearer ${token}`, "idempotency-key": "order-1" };
  const response = await serve(new Request("http://shop.example/orders", { method: "POST", headers }));
  console.log(response.status, await response.text(), response.headers.get("idempotent-replayed") ?? "first");
}
