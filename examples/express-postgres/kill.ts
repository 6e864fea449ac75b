/** Kills the server with the INSERT on its way, starts it again, and shows what its caller gets. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { retryingFetch } from "once-again/client";
import { Client } from "pg";

const [program = "transactional.ts"] = process.argv.slice(2);

async function start() {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const server = spawn(process.execPath, [...process.execArgv, path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(server.stdout, "data");
  return server;
}

const first = await start();
const database = new Client({ database: "shop" });
await database.connect();

// While the table is locked, the handler's INSERT waits in PostgreSQL.
await database.query("BEGIN; LOCK TABLE charges IN EXCLUSIVE MODE");
const amount = Math.floor(Date.now() / 1000);
const fetch = retryingFetch({ keys: ["http://127.0.0.1:3000"], timeoutMs: 30_000, attemptsMax: 20 });
const calling = fetch("http://127.0.0.1:3000/charges", {
  method: "POST",
  headers: { authorization: "Bearer secret", "content-type": "application/json" },
  body: JSON.stringify({ amount }),
}).then(
  async (response) => `${response.status} ${await response.text()}`,
  (error: { code: string }) => error.code,
);
const waits = "SELECT FROM pg_locks WHERE relation = 'charges'::regclass AND NOT granted";
while ((await database.query(waits)).rowCount === 0) await sleep(20);

first.kill("SIGKILL");
await once(first, "exit");
console.log("killed, with the INSERT on its way");
await database.query("COMMIT");

const second = await start();
console.log("the caller gets:", await calling);
const { rowCount } = await database.query("SELECT FROM charges WHERE amount = $1", [amount]);
console.log("charges:", rowCount);
await database.end();
second.kill();
