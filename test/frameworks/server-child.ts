import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { insertOrder } from "../support/app-database.ts";
import type { Framework } from "./framework.ts";
import type { Route } from "./route.ts";

// Servers in a process of their own, on a database file, for tests of several processes and of dying ones: one leased,
// one transactional. It says their URLs, and then the key of each operation that it begins. One with a key like
// "stuck-1" never ends.

const [name = "", path = "", leaseMs = ""] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const store = sqliteStore({ path, busyMsMax: 20_000 });

const route = (mode: "leased" | "transactional"): Route => ({
  rules: { store, mode, leaseMs: Number(leaseMs), retentionMs: 3_600_000, limits: { storeMsMax: 20_000 } },
  async handle({ execution }) {
    if (execution.transaction !== undefined) insertOrder(execution.transaction, String(process.pid));
    else appendFileSync(`${path}.effects`, `${process.pid}\n`);
    say(String(execution.key));
    if (execution.key?.startsWith("stuck")) await once(process.stdin, "end");
    await new Promise((resolve) => setTimeout(resolve, 200));
    return { status: 201, headers: { location: "/orders/7" }, body: `made by ${process.pid}` };
  },
});

const module = (await import(`./with-${name}.ts`)) as Record<string, Framework>;
const framework = Object.values(module).find((exported) => exported.name === name);
if (framework === undefined) throw new Error(`There is no framework ${name}.`);
for (const mode of ["leased", "transactional"] as const) {
  const { listener } = await framework.serve(route(mode));
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  say(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
