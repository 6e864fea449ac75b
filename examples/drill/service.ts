/**
 * The service of the drill: it charges orders at a bank that knows nothing of keys. The bank is a file with a line for each charge.
 * The bank in the EU charges at once, the one in the US does not get that far. Neither responds.
 *
 *     node service.ts FOLDER
 */
import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

const [folder = "."] = process.argv.slice(2);
let underWay = 0;

interface Order {
  readonly order: number;
  readonly amount: string;
}

const orders = onceNode(
  {
    store: sqliteStore({ path: join(folder, "keys.db") }),
    scope: (request: IncomingMessage) => request.headers["x-tenant"] as string,
    leaseMs: 1000,
    onUnknown: {
      action: "hold",
      label: ({ body }) => {
        const { order, amount } = JSON.parse(new TextDecoder().decode(body)) as Order;
        return `order ${order}, ${amount} EUR`;
      },
    },
  },
  async (_request, _response, { key, scope }) => {
    if (scope === "eu") appendFileSync(join(folder, "bank.txt"), `${key}\n`);
    underWay += 1;
    process.stdout.write(`under way: ${underWay}\n`);
    await new Promise(() => undefined);
  },
);

const server = createServer((request, response) => void orders(request, response));
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
