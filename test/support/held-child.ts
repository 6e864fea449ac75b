import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";

// A server with a handler that never ends. It says on stdout where it listens, and when its handler runs.

const [path = ""] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const orders = onceNode({ store: sqliteStore({ path }), scope: () => "acme", leaseMs: 100 }, () => say("running"));
const server = createServer((request, response) => void orders(request, response));
server.listen(0, "127.0.0.1", () => say(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
