/**
 * The lab's API, in a separate process, so that it can be killed. Started by api.ts with the path of the database; sends
 * its port by IPC, ends in good order on the message "stop", and at once when its parent is gone.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";
import { createLedger, writeOrder } from "./ledger.ts";
import { parseOrder, totalOf } from "./orders.ts";
import { callerHeader } from "./send-order.ts";

const path = process.argv[2] ?? "";
createLedger(path);
const store = sqliteStore({ path });

const callerOf = (request: IncomingMessage): string => String(request.headers[callerHeader.toLowerCase()] ?? "");

const makeOrder = onceNode(
  {
    mode: "transactional",
    store,
    scope: callerOf,
    // The careless caller sends none.
    profile: { keyRequired: false },
  },
  (request, response, { body, scope, transaction }) => {
    const read = request.url === "/orders" ? parseOrder(body.toString()) : { problem: "Post orders to /orders." };
    response.setHeader("Content-Type", "application/json");
    if ("problem" in read) {
      response.statusCode = 400;
      response.end(JSON.stringify(read));
      return;
    }
    const { order } = read;
    writeOrder(transaction, scope, order);
    response.statusCode = 201;
    response.end(JSON.stringify({ order: order.id, amount: totalOf(order), currency: order.currency }));
  },
);

const server = createServer((request, response) => void makeOrder(request, response));
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

async function end(): Promise<void> {
  server.close();
  await makeOrder.close();
  server.closeAllConnections();
  await store.close();
  process.disconnect();
}

process.once("message", () => void end());
// Ctrl-C reaches the whole group of processes; the parent acts on it.
for (const name of ["SIGINT", "SIGHUP"]) process.on(name, () => undefined);
process.once("disconnect", () => process.exit());
