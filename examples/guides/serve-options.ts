import { createServer, type IncomingMessage } from "node:http";
import process from "node:process";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

const store = sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" });

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();

const orders = onceNode(
  {
    store,
    scope: (request) => accountOf(request)!,
    // DELETE takes a key too. Every other method passes through as if we were not there.
    methods: ["POST", "PATCH", "DELETE"],
    // A repeat waits so long for the running attempt, and gets its response instead of "in progress".
    waitMs: 2000,
    // Longer than any caller goes on trying.
    retentionMs: 7 * 86_400_000,
    limits: { bodyBytesMax: 65_536 },
    onEvent: ({ type, scope, key }) => {
      if (type === "lease-lost" || type === "outcome-unknown") console.error(type, scope, key);
    },
  },
  (_request, response, { body }) => {
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ order: body.toString() }));
  },
);

const server = createServer((request, response) => {
  if (request.url === "/.well-known/idempotency-key") response.end(JSON.stringify({ "/orders": orders.policy }));
  else if (accountOf(request) === undefined) response.writeHead(401).end();
  else void orders(request, response);
});
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening", server.address()));

// A deployment ends this process. Running operations end and are stored; new requests get 503 and come back.
process.once("SIGTERM", () => void shutDown());

async function shutDown(): Promise<void> {
  // First, so that no new connection comes while operations end. A request on an open one gets 503, and ends it.
  server.close();
  await orders.close();
  // Connections that callers leave open hold Node's server open. So does one that has brought no request yet, as proxies and
  // browsers open them ahead.
  setInterval(() => server.closeIdleConnections(), 100).unref();
  setTimeout(() => server.closeAllConnections(), 5000).unref();
  await store.close();
  console.log("drained");
}
