import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { insteadOfPort3000 } from "../support/literal-port.ts";
import { serverPort } from "../support/servers/server-port.ts";

// The programs of the README, run as they stand there.

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "once-again-examples-"));
});

afterEach(async () => {
  await Promise.all(children.splice(0).map(stop));
  rmSync(folder, { recursive: true });
});

test("the README's server answers its client, a repeat with the first response, and no stranger", async () => {
  const port = await serverPort();
  const flags = insteadOfPort3000(port);
  const server = start("examples/readme/server.ts", {}, flags);
  await once(server.stdout, "data");

  const called = await output(start("examples/readme/client.ts", {}, flags));
  expect(called).toBe('201 {"number":1,"order":{"item":"coffee"}}\n');

  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/orders`, {
      method: "POST",
      headers: { "idempotency-key": "order-7", "content-type": "application/json", ...headers },
      body: '{"item":"tea"}',
    });
    return [response.status, await response.text(), response.headers.get("idempotent-replayed")];
  };
  const known = { authorization: "Bearer secret" };
  expect([await ask(known), await ask(known), await ask({})]).toEqual([
    [201, '{"number":2,"order":{"item":"tea"}}', null],
    [201, '{"number":2,"order":{"item":"tea"}}', "true"],
    [401, "Unauthorized", null],
  ]);
});

test("serve.ts answers call.ts, and a repeat of a key with the first answer", async () => {
  const port = await serverPort();
  const server = start("examples/serve.ts", { PORT: String(port), KEYS_DB: join(folder, "keys.db") });
  await once(server.stdout, "data");
  const url = `http://127.0.0.1:${port}/orders`;

  const called = await output(start("examples/call.ts", { ORDERS_URL: url }));
  expect(called).toMatch(/^201 \{"order":\{"item":"coffee","amount":420\},"key":"[0-9a-f-]{36}"\}\n$/);

  const headers = { "x-account": "acme", "idempotency-key": "order-7" };
  const answers = [];
  for (let time = 0; time < 2; time += 1) {
    const response = await fetch(url, { method: "POST", headers, body: "{}" });
    answers.push([response.status, await response.text(), response.headers.get("idempotent-replayed")]);
  }
  expect(answers).toEqual([
    [201, '{"order":{},"key":"order-7"}', null],
    [201, '{"order":{},"key":"order-7"}', "true"],
  ]);
  const stranger = { "idempotency-key": "order-7" };
  expect((await fetch(url, { method: "POST", headers: stranger, body: "{}" })).status).toBe(401);
});

test.each(["undici", "axios", "ky"])("guides/%s.ts calls serve.ts", async (guide) => {
  const port = await serverPort();
  const server = start("examples/serve.ts", { PORT: String(port), KEYS_DB: join(folder, "keys.db") });
  await once(server.stdout, "data");
  const called = await output(start(`examples/guides/${guide}.ts`, { ORDERS_URL: `http://127.0.0.1:${port}/orders` }));
  expect(called).toMatch(/\{"order":\{"item":"coffee","amount":420\},"key":"[0-9a-f-]{36}"\}\n$/);
});

test("intents.ts makes one order, however often it runs", async () => {
  const port = await serverPort();
  const server = start("examples/serve.ts", { PORT: String(port), KEYS_DB: join(folder, "keys.db") });
  await once(server.stdout, "data");
  const environment = { ORDERS_URL: `http://127.0.0.1:${port}/orders`, INTENTS_DB: join(folder, "intents.db") };
  const first = await output(start("examples/intents.ts", environment));
  expect(first).toMatch(/^201 \{"order":\{"item":"coffee","amount":420\},"key":"[0-9a-f-]{36}"\}\n$/);
  expect(await output(start("examples/intents.ts", environment))).toBe(first);
});

test("transaction.ts charges once for a request that is sent twice", async () => {
  const printed = await output(start("examples/transaction.ts", { ORDERS_DB: join(folder, "orders.db") }));
  expect(printed).toBe('201 {"charge":1} replayed: false\n201 {"charge":1} replayed: true\ncharges: 1\n');
});

function start(program: string, environment: Record<string, string>, flags: readonly string[] = []) {
  const child = spawn(process.execPath, ["--conditions=@once-again/source", ...flags, resolve(program)], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

async function output(child: ReturnType<typeof start>): Promise<string> {
  const chunks = await Array.fromAsync(child.stdout);
  return Buffer.concat(chunks as Buffer[]).toString();
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, "exit");
}
