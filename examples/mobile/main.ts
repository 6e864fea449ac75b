/**
 * An app on a phone: orders are taken while the network is bad, the app is killed by the system, and every order is made
 * once. Keys and requests are on disk before the first byte is sent.
 *
 *     npm run example examples/mobile/main.ts
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onceNode } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";
import { flakyNetwork, randomFaults, seededRandom } from "@once-again/testing";

const folder = mkdtempSync(join(tmpdir(), "once-again-mobile-"));
const made: string[] = [];

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: IncomingMessage): string | undefined => headers["x-account"]?.toString();

const store = sqliteStore({ path: join(folder, "keys.db") });
const orders = onceNode({ store, scope: (request) => accountOf(request)! }, async (_, response, { body }) => {
  made.push(body.toString());
  response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify({ order: made.length }));
});
const server = createServer((request, response) => {
  if (accountOf(request) === undefined) response.writeHead(401).end();
  else void orders(request, response);
});
await once(server.listen(0, "127.0.0.1"), "listening");
const { port } = server.address() as { port: number };

// Between the app and the server: four of ten attempts meet a fault.
const network = await flakyNetwork({
  upstream: { port },
  plan: randomFaults({ probability: 0.4, silenceShare: 0, random: seededRandom("mobile") }),
});

const app = fork(new URL("app.ts", import.meta.url), [network.url, join(folder, "intents.db")]);
await killAfter(app, 4);
console.log(`The app was killed. ${made.length} orders are made.`);
const again = fork(new URL("app.ts", import.meta.url), [network.url, join(folder, "intents.db")]);
await once(again, "exit");
console.log(`${made.length} orders made, ${new Set(made).size} of them different.`);

await network.close();
server.close();
await store.close();
rmSync(folder, { recursive: true });

/** Kills it, as the system of a phone does, in the middle of whatever it does when so many orders are through. */
async function killAfter(child: ChildProcess, settled: number): Promise<void> {
  for (let count = 0; count < settled; count += 1) await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
}
