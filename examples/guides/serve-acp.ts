import { createServer, type IncomingMessage } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

const path = process.env["ORDERS_DB"] ?? "orders.db";
const database = new DatabaseSync(path);
database.exec("CREATE TABLE IF NOT EXISTS checkouts (id INTEGER PRIMARY KEY, cart TEXT NOT NULL) STRICT");

/** Stands for your authentication: the agent of checked credentials. A stranger has no agent. */
const agentOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();

const checkouts = onceNode(
  {
    profile: "acp",
    mode: "transactional",
    store: sqliteStore({ path }),
    scope: (request) => agentOf(request)!,
  },
  (_request, response, { body, transaction }) => {
    JSON.parse(body.toString());
    const { lastInsertRowid } = transaction.prepare("INSERT INTO checkouts (cart) VALUES (?)").run(body.toString());
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: Number(lastInsertRowid) }));
  },
);

const server = createServer((request, response) => {
  const total = database.prepare("SELECT count(*) AS total FROM checkouts").get()?.["total"];
  if (request.url === "/total") response.end(String(total));
  else if (agentOf(request) === undefined) response.writeHead(401).end();
  else void checkouts(request, response);
});
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening", server.address()));
