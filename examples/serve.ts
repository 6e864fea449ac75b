import { createServer, type IncomingMessage } from "node:http";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();

const orders = onceNode(
  {
    store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
    // The owner of the keys, so that two callers never meet.
    scope: (request) => accountOf(request)!,
  },
  async (_request, response, { body, key }) => {
    // This runs once for each key. Whatever it calls can be sent the key in turn.
    const order: unknown = JSON.parse(body.toString());
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ order, key }));
  },
);

const server = createServer((request, response) => {
  if (accountOf(request) === undefined) response.writeHead(401).end();
  else if (request.method === "POST") void orders(request, response);
  else response.writeHead(405, { allow: "POST" }).end();
});
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening", server.address()));
