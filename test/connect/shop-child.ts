import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { onceConnect } from "../../packages/once-again/src/connect/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { Orders } from "../../examples/connect/orders.ts";

// A server on a file. An order of "stop" never ends. It says its port, and each order that begins.

const [path = ""] = process.argv.slice(2);
const once = onceConnect({ store: sqliteStore({ path }), scope: "public", leaseMs: 500, waitMs: 0 });
const handler = connectNodeAdapter({
  interceptors: [once],
  routes: (router) =>
    router.service(Orders, {
      create: async ({ item }) => {
        process.stdout.write(`order ${item}\n`);
        if (item === "stop") await new Promise(() => undefined);
        return { id: `order-${process.pid}`, item };
      },
    }),
});
const server = createServer(handler);
server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
