import { createServer } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { onceConnect } from "once-again/connect";
import { sqliteStore } from "once-again/stores/sqlite";
import { Orders } from "./orders.ts";

const once = onceConnect({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: ({ header }) => accountOf(header),
});

/** Stands for your authentication: the owner of the keys, so that two callers never meet. */
function accountOf(header: Headers): string {
  const account = header.get("x-account");
  if (account === null) throw new ConnectError("Sign in first.", Code.Unauthenticated);
  return account;
}

let orders = 0;
const handler = connectNodeAdapter({
  interceptors: [once],
  routes: (router) =>
    router.service(Orders, {
      // This runs once for each key.
      create: ({ item }) => ({ id: `order-${++orders}`, item }),
    }),
});
const server = createServer(handler);
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening", server.address()));
